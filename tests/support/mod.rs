//! What tests share.

pub mod agent; // the clause9 program itself
pub mod http; // a blocking client for plain HTTP and JSON, and the reading half of a server
pub mod peers; // real servers
pub mod ports; // where servers may listen
mod processes; // what a server consists of and what it used
pub mod quickstart; // the sample organisation
pub mod upstream; // an upstream of a test's own
pub mod wait; // waiting that follows the other side
