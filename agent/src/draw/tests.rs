//! Pictures: what they say without colours, that they hold none, and that the palette can be read.
