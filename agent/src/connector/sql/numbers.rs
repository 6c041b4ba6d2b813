//! Rows on their way into lines of JSON. A number that a 64-bit integer or real one does not hold exactly becomes a text: two ids of thirty digits that differ
//! in the last would be one, and an amount another. Databases print JSON values as they were stored, so line ends may lie between them.

/// Writes a row as one line.
pub(super) fn write_line(json: &str, out: &mut Vec<u8>) {
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => text(rest),
            b'-' | b'0'..=b'9' => rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count(),
            _ => rest.bytes().position(|byte| byte == b'"' || byte == b'-' || byte.is_ascii_digit()).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        match first {
            b'-' | b'0'..=b'9' if !is_exact(token) => {
                out.push(b'"');
                out.extend(token.bytes());
                out.push(b'"');
            }
            b'"' | b'-' | b'0'..=b'9' => out.extend(token.bytes()),
            _ => out.extend(token.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r'))),
        }
        rest = after;
    }
    out.push(b'\n');
}

/// The length of the text at the beginning, with its quotes.
fn text(json: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

/// Whether a number is what a reader will take it for.
fn is_exact(number: &str) -> bool {
    if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return number.parse::<i64>().is_ok();
    }
    number.parse::<f64>().is_ok_and(|real| real.is_finite() && digits(&format!("{real:e}")) == digits(number))
}

/// The digits of a number without zeros around them, and the power of ten of the first.
fn digits(number: &str) -> (String, i64) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.trim_start_matches(['-', '+']).split_once('.').unwrap_or((mantissa.trim_start_matches(['-', '+']), ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return (String::new(), 0);
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let first = length(whole) - (length(&all) - length(significant)) + exponent.trim_start_matches('+').parse().unwrap_or(0);
    (significant.trim_end_matches('0').to_owned(), first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_would_change_become_texts() {
        for (json, expected) in [
            (r#"{"a":1,"b":-9223372036854775808,"c":[0,0.10,1e3]}"#, r#"{"a":1,"b":-9223372036854775808,"c":[0,0.10,1e3]}"#),
            (r#"{"a":9223372036854775808}"#, r#"{"a":"9223372036854775808"}"#),
            (r#"{"a":-123456789012345678901234567890}"#, r#"{"a":"-123456789012345678901234567890"}"#),
            (r#"{"a":0.30000000000000004,"b":12345.678901234567}"#, r#"{"a":0.30000000000000004,"b":12345.678901234567}"#),
            (r#"{"a":0.1000000000000000055511151231257827}"#, r#"{"a":"0.1000000000000000055511151231257827"}"#),
            (r#"{"a":100.00,"b":0.000,"c":-0.0010,"d":1.5e-07,"e":1E400}"#, r#"{"a":100.00,"b":0.000,"c":-0.0010,"d":1.5e-07,"e":"1E400"}"#),
            ("{\"a\":\"9223372036854775808 \\\" 1e999\",\n \"b\": {\"c\" :\r\n1}}", "{\"a\":\"9223372036854775808 \\\" 1e999\", \"b\": {\"c\" :1}}"),
            (r#"{"é":"ü","b":null,"c":true}"#, r#"{"é":"ü","b":null,"c":true}"#),
        ] {
            let mut out = Vec::new();
            write_line(json, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"), "{json}");
        }
    }
}
