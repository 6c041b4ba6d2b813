//! `--where`: simple conditions on columns, such as `age >= 18 and country in ('DE', 'FR') and score is not null`.
//!
//! Grammar: `or` binds weakest, then `and`, then `not`; conditions are `column = != <> < <= > >= literal`, `column [not] in (literal, ...)`
//! and `column is [not] null`. Columns with blanks or signs in their names stand in double quotes, text in single ones (doubled inside).
//! As in SQL a comparison with null is neither true nor false, and rows for which the whole is not true are left out.

use std::fmt;

/// A condition on the columns of one table.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// A column beside a literal.
    Compare(String, Comparison, Literal),
    /// A column equals one of a list.
    In(String, Vec<Literal>),
    /// A column has no value.
    IsNull(String),
    /// Both hold.
    And(Box<Predicate>, Box<Predicate>),
    /// At least one holds.
    Or(Box<Predicate>, Box<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
}

/// How a column stands to a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A number; digits as written, so that whole numbers of 64 bits stay exact.
    Number(String),
    /// Text, or a date or time beside a column of such.
    Text(String),
    /// A truth value.
    Boolean(bool),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Number(digits) => f.write_str(digits),
            Literal::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Literal::Boolean(value) => write!(f, "{value}"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        })
    }
}

/// Text that reads back as the same condition.
impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |column: &str| format!("\"{}\"", column.replace('"', "\"\""));
        match self {
            Predicate::Compare(column, comparison, literal) => write!(f, "{} {comparison} {literal}", quoted(column)),
            Predicate::In(column, list) => {
                let list: Vec<String> = list.iter().map(Literal::to_string).collect();
                write!(f, "{} in ({})", quoted(column), list.join(", "))
            }
            Predicate::IsNull(column) => write!(f, "{} is null", quoted(column)),
            Predicate::And(a, b) => write!(f, "({a} and {b})"),
            Predicate::Or(a, b) => write!(f, "({a} or {b})"),
            Predicate::Not(inner) => write!(f, "not ({inner})"),
        }
    }
}

/// A condition that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no condition: {expected} expected{}", if rest.is_empty() { " at its end".to_owned() } else { format!(" before `{rest}`") })]
pub struct BadPredicate {
    text: String,
    expected: &'static str,
    rest: String,
}

impl std::str::FromStr for Predicate {
    type Err = BadPredicate;

    fn from_str(text: &str) -> Result<Self, BadPredicate> {
        let mut parser = Parser { text, at: 0, depth: 0, conditions: 0 };
        let predicate = parser.any()?;
        match parser.peek() {
            None => Ok(predicate),
            Some(_) => Err(parser.expected("`and`, `or` or the end")),
        }
    }
}

impl Predicate {
    /// The columns it looks at, each once.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        self.add_columns(&mut columns);
        columns
    }

    fn add_columns<'a>(&'a self, columns: &mut Vec<&'a str>) {
        match self {
            Predicate::Compare(column, ..) | Predicate::In(column, _) | Predicate::IsNull(column) => {
                if !columns.contains(&column.as_str()) {
                    columns.push(column);
                }
            }
            Predicate::And(a, b) | Predicate::Or(a, b) => {
                a.add_columns(columns);
                b.add_columns(columns);
            }
            Predicate::Not(inner) => inner.add_columns(columns),
        }
    }
}

/// A word of the language.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A bare word: a column, or a word of the grammar.
    Word(String),
    /// A column in double quotes.
    Column(String),
    Literal(Literal),
    Sign(&'static str),
}

/// Longer signs first.
const SIGNS: [&str; 10] = ["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ","];
/// Conditions nested deeper than this are a mistake, and would use up the stack.
const MOST_DEPTH: usize = 100;
/// More conditions than this are a mistake, too: each that follows on another is a level of the whole. Use `in` for a list of values.
const MOST_CONDITIONS: usize = 1_000;

/// Longest piece of a condition that a message quotes.
const SHOWN_CHARS: usize = 200;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    conditions: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Predicate, BadPredicate> {
        let mut predicate = self.all()?;
        while self.take_word("or") {
            predicate = Predicate::Or(Box::new(predicate), Box::new(self.all()?));
        }
        Ok(predicate)
    }

    fn all(&mut self) -> Result<Predicate, BadPredicate> {
        let mut predicate = self.one()?;
        while self.take_word("and") {
            predicate = Predicate::And(Box::new(predicate), Box::new(self.one()?));
        }
        Ok(predicate)
    }

    fn one(&mut self) -> Result<Predicate, BadPredicate> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.expected("less nesting"));
        }
        let predicate = if self.take_word("not") {
            Predicate::Not(Box::new(self.one()?))
        } else if self.take_sign("(") {
            let inner = self.any()?;
            self.need_sign(")", "`)`")?;
            inner
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(predicate)
    }

    fn condition(&mut self) -> Result<Predicate, BadPredicate> {
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            return Err(self.expected("at most 1000 conditions"));
        }
        let column = match self.peek() {
            Some((Token::Word(name) | Token::Column(name), end)) => {
                self.at = end;
                name
            }
            _ => return Err(self.expected("a column")),
        };
        if self.take_word("is") {
            let is_negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.expected("`null`"));
            }
            return Ok(negated_if(is_negated, Predicate::IsNull(column)));
        }
        let is_negated = self.take_word("not");
        if self.take_word("in") {
            return Ok(negated_if(is_negated, Predicate::In(column, self.list()?)));
        }
        if is_negated {
            return Err(self.expected("`in`"));
        }
        let comparison = self.comparison()?;
        Ok(Predicate::Compare(column, comparison, self.literal()?))
    }

    fn comparison(&mut self) -> Result<Comparison, BadPredicate> {
        let comparison = match self.peek() {
            Some((Token::Sign("="), _)) => Comparison::Equal,
            Some((Token::Sign("!=" | "<>"), _)) => Comparison::NotEqual,
            Some((Token::Sign("<"), _)) => Comparison::Less,
            Some((Token::Sign("<="), _)) => Comparison::AtMost,
            Some((Token::Sign(">"), _)) => Comparison::Greater,
            Some((Token::Sign(">="), _)) => Comparison::AtLeast,
            _ => return Err(self.expected("one of = != < <= > >=, `in` or `is`")),
        };
        self.skip();
        Ok(comparison)
    }

    fn list(&mut self) -> Result<Vec<Literal>, BadPredicate> {
        self.need_sign("(", "`(`")?;
        let mut list = vec![self.literal()?];
        while self.take_sign(",") {
            list.push(self.literal()?);
        }
        self.need_sign(")", "`,` or `)`")?;
        Ok(list)
    }

    fn literal(&mut self) -> Result<Literal, BadPredicate> {
        let literal = match self.peek() {
            Some((Token::Literal(literal), _)) => literal,
            Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("true") => Literal::Boolean(true),
            Some((Token::Word(word), _)) if word.eq_ignore_ascii_case("false") => Literal::Boolean(false),
            _ => return Err(self.expected("a number, 'text', true or false")),
        };
        self.skip();
        Ok(literal)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some((Token::Word(found), _)) if found.eq_ignore_ascii_case(word));
        if is_it {
            self.skip();
        }
        is_it
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some((Token::Sign(found), _)) if found == sign);
        if is_it {
            self.skip();
        }
        is_it
    }

    fn need_sign(&mut self, sign: &str, expected: &'static str) -> Result<(), BadPredicate> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn skip(&mut self) {
        if let Some((_, end)) = self.peek() {
            self.at = end;
        }
    }

    fn expected(&self, expected: &'static str) -> BadPredicate {
        let rest: String = self.text[self.at..].trim_start().chars().take(30).collect();
        let text = match self.text.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}...", &self.text[..end]),
            None => self.text.to_owned(),
        };
        BadPredicate { text, expected, rest }
    }

    /// The next token and where it ends; `None` at the end and before what is no token.
    fn peek(&self) -> Option<(Token, usize)> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let first = rest.chars().next()?;
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            return Some((Token::Sign(sign), start + sign.len()));
        }
        if first == '\'' || first == '"' {
            let (text, length) = quoted(rest, first)?;
            let token = if first == '"' { Token::Column(text) } else { Token::Literal(Literal::Text(text)) };
            return Some((token, start + length));
        }
        let end = rest.find(|character: char| character.is_whitespace() || "<>=!(),'\"".contains(character)).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return None;
        }
        let is_number = first.is_ascii_digit() || "+-.".contains(first);
        let token = if is_number && word.parse::<f64>().is_ok() { Token::Literal(Literal::Number(word.to_owned())) } else { Token::Word(word.to_owned()) };
        Some((token, start + end))
    }
}

fn negated_if(is_negated: bool, predicate: Predicate) -> Predicate {
    if is_negated { Predicate::Not(Box::new(predicate)) } else { predicate }
}

/// The text between quotes and how long it is with them; a doubled quote stands for one.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.next_if(|&(_, next)| next == quote).is_some() {
            text.push(quote);
        } else {
            return Some((text, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_grammar_says() {
        let predicate: Predicate = "not a >= 1.5 and \"b c\" in ('x''y', 2) or d is not null".parse().unwrap();
        let a = Predicate::Not(Box::new(Predicate::Compare("a".into(), Comparison::AtLeast, Literal::Number("1.5".into()))));
        let b = Predicate::In("b c".into(), vec![Literal::Text("x'y".into()), Literal::Number("2".into())]);
        let d = Predicate::Not(Box::new(Predicate::IsNull("d".into())));
        assert_eq!(predicate, Predicate::Or(Box::new(Predicate::And(Box::new(a), Box::new(b))), Box::new(d)));
        assert_eq!(predicate.columns(), ["a", "b c", "d"]);
        assert_eq!(predicate.to_string().parse(), Ok(predicate));
        assert!("a.b=true AND (c<>'')".parse::<Predicate>().is_ok());
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("", "`` is no condition: a column expected at its end"),
            ("a", "`a` is no condition: one of = != < <= > >=, `in` or `is` expected at its end"),
            ("a = ", "`a = ` is no condition: a number, 'text', true or false expected at its end"),
            ("a = b", "`a = b` is no condition: a number, 'text', true or false expected before `b`"),
            ("a = 1 b", "`a = 1 b` is no condition: `and`, `or` or the end expected before `b`"),
            ("a in 1", "`a in 1` is no condition: `(` expected before `1`"),
            ("a = 'x", "`a = 'x` is no condition: a number, 'text', true or false expected before `'x`"),
            ("(a = 1", "`(a = 1` is no condition: `)` expected at its end"),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Predicate>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn nesting_and_length_have_a_bound() {
        type Text = fn(usize) -> String;
        let ways: [(&str, usize, &str, Text); 4] = [
            ("brackets", 99, "less nesting", |count| format!("{}a = 1{}", "(".repeat(count), ")".repeat(count))),
            ("not", 99, "less nesting", |count| format!("{}a = 1", "not ".repeat(count))),
            ("and", 999, "at most 1000 conditions", |count| format!("a = 1{}", " and b = 2".repeat(count))),
            ("or", 999, "at most 1000 conditions", |count| format!("a = 1{}", " or b = 2".repeat(count))),
        ];
        for (way, most, expected, text) in ways {
            let whole = text(most).parse::<Predicate>().unwrap_or_else(|error| panic!("{way}: {error}"));
            assert!(whole.columns().contains(&"a") && whole.to_string().contains("\"a\" = 1"), "{way}: it can be walked");
            let error = text(most + 1).parse::<Predicate>().unwrap_err();
            assert_eq!(error.expected, expected, "{way}");
            assert!(error.to_string().len() < 400, "{way}: {error}");
        }
    }
}
