//! jq expressions: compiled once with the variables they may use, run many times. The only place that knows the jq engine.
//!
//! Expressions can't read the environment, the clock or files: what an expression may know is its input and its variables.

use std::sync::{Arc, Mutex, PoisonError};

use jaq_core::{
    Compiler, Ctx, Vars,
    data::JustLut,
    load::{self, Arena, File, Loader},
    native,
};
use serde_json::Value as Json;

use super::mapper;
use jaq_json::Num;
pub(super) use jaq_json::Val;

type Data = JustLut<Val>;

/// Functions that reach outside of the data; they do nothing here.
const DISARMED: &[&str] = &["env", "halt", "now", "debug_empty", "stderr_empty", "localtime", "strflocaltime"];

/// Functions of jq's manual that the engine lacks.
const STANDARD: &str = "def IN(s): any(s == .; .); def IN(source; s): any(source == s; .); \
    def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row); def INDEX(f): INDEX(.[]; f); \
    def toarray: if type == \"array\" then . else [.] end;";

/// More outputs than this from one input are a runaway expression.
const MAX_OUTPUTS: usize = 2_000_000;

/// What an expression may say beside jq itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Words<'a> {
    /// Its variables, `$name`.
    pub(super) variables: &'a [&'a str],
    /// The connector's own functions, written before the expression.
    pub(super) defs: Arc<str>,
    /// A test compiled the expression already: it need not be proved again.
    pub(super) proved: bool,
    /// The program that it becomes a part of.
    pub(super) program: Arc<Program>,
}

/// The expressions of one description, compiled as one program when the first of them is run. Each compiled program holds the whole standard
/// library; one for each expression would take tens of megabytes, and most of the time of a start.
#[derive(Debug, Default)]
pub(super) struct Program(Mutex<Parts>);

#[derive(Debug, Default)]
struct Parts {
    branches: Vec<Branch>,
    compiled: Option<Arc<Compiled>>,
}

/// One expression of a program.
#[derive(Debug, Clone)]
struct Branch {
    defs: Arc<str>,
    /// Definitions between the connector's own and the text.
    prelude: String,
    text: String,
    variables: Vec<Arc<str>>,
}

struct Compiled {
    variables: Vec<Arc<str>>,
    filter: jaq_core::Filter<Data>,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compiled")
    }
}

/// The variable that says which branch of a program is run.
const WHICH: &str = "__which";

impl Program {
    fn add(&self, branch: Branch) -> usize {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.compiled = None;
        parts.branches.push(branch);
        parts.branches.len() - 1
    }

    fn compiled(&self) -> Arc<Compiled> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Parts { branches, compiled } = &mut *parts;
        let made = compiled.get_or_insert_with(|| {
            let mut variables: Vec<Arc<str>> = branches.iter().flat_map(|branch| branch.variables.iter().cloned()).collect();
            variables.push(WHICH.into());
            variables.sort();
            variables.dedup();
            let cases = branches.iter().enumerate().map(|(which, branch)| format!("if ${WHICH} == {which} then ({} {}\n) el", branch.prelude, branch.text));
            let text = format!("{}se empty end", cases.collect::<String>());
            let defs = branches.first().map(|branch| Arc::clone(&branch.defs)).unwrap_or_default();
            let filter = compile(&text, "", &defs, &variables);
            let filter = filter.unwrap_or_else(|error| unreachable!("each branch was compiled by itself, here or by a test: {error:?}"));
            Arc::new(Compiled { variables, filter })
        });
        Arc::clone(made)
    }
}

impl<'a> Words<'a> {
    /// Variables alone.
    #[cfg(test)]
    pub(super) fn of(variables: &'a [&'a str]) -> Self {
        Self { variables, ..Self::default() }
    }
}

/// A proved expression.
pub struct Expression {
    text: String,
    shown: String,
    defs: Arc<str>,
    program: Arc<Program>,
    /// Which branch of the program it is.
    which: usize,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompileError {
    /// Line inside the expression, from 1.
    pub(super) line: usize,
    pub(super) message: String,
}

/// Why an expression did not yield a value. Quotes nothing of the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct RunError(pub(super) String);

/// Values for variables. An expression takes those that it was compiled with; what is missing is null.
#[derive(Clone, Default)]
pub(super) struct Scope(Vec<(Arc<str>, Val)>);

impl Scope {
    pub(super) fn with(mut self, name: &str, value: Val) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: Val) {
        match self.0.iter_mut().find(|(known, _)| **known == *name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name.into(), value)),
        }
    }

    fn get(&self, name: &str) -> Val {
        self.0.iter().find(|(known, _)| **known == *name).map_or(Val::Null, |(_, value)| value.clone())
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({:?})", self.text)
    }
}

impl Expression {
    /// Compiles `text`.
    pub(super) fn compile(text: &str, words: &Words<'_>) -> Result<Self, CompileError> {
        Self::with_prelude(text, words, String::new())
    }

    /// Compiles `text` in which the variables can be written without `$` too, as templates do: `row.name` for `$row.name`.
    pub(super) fn compile_bare(text: &str, words: &Words<'_>) -> Result<Self, CompileError> {
        let prelude: String = words.variables.iter().filter(|name| **name != "now").map(|name| format!("def {name}: ${name}; ")).collect();
        Self::with_prelude(text, words, prelude)
    }

    fn with_prelude(text: &str, words: &Words<'_>, prelude: String) -> Result<Self, CompileError> {
        let variables: Vec<Arc<str>> = words.variables.iter().map(|name| Arc::from(*name)).collect();
        if !words.proved {
            refuse_nesting(text)?;
            refuse_nesting(&words.defs)?;
            compile(text, &prelude, &words.defs, &variables)?;
        }
        let branch = Branch { defs: Arc::clone(&words.defs), prelude, text: text.to_owned(), variables };
        let which = words.program.add(branch);
        Ok(Self { text: text.to_owned(), shown: shown(text), defs: Arc::clone(&words.defs), program: Arc::clone(&words.program), which })
    }

    /// The text as messages quote it: its first line, shortened.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Every output for this input.
    pub(super) fn run(&self, input: Val, scope: &Scope) -> Result<Vec<Val>, RunError> {
        let compiled = self.program.compiled();
        mapper::running(&self.shown);
        let which = || from_json(&Json::from(self.which));
        let variables = Vars::new(compiled.variables.iter().map(|name| if **name == *WHICH { which() } else { scope.get(name) }));
        let context = Ctx::<Data>::new(&compiled.filter.lut, variables);
        let mut outputs = Vec::new();
        for output in compiled.filter.id.run((context, input)) {
            if outputs.len() == MAX_OUTPUTS {
                return Err(RunError(format!("more than {MAX_OUTPUTS} results from one value")));
            }
            match output {
                Ok(value) => outputs.push(value),
                Err(exception) => {
                    return Err(exception.get_err().map_or_else(|_| RunError("stopped without a result".to_owned()), |error| self.plain(error)));
                }
            }
        }
        Ok(outputs)
    }

    /// The first output; null when there is none.
    pub(super) fn one(&self, input: Val, scope: &Scope) -> Result<Val, RunError> {
        self.run(input, scope).map(|outputs| outputs.into_iter().next().unwrap_or_default())
    }

    /// Whether every word of `text` was written by the expression's author: then it tells nothing of the input.
    pub(super) fn is_own(&self, text: &str) -> bool {
        text.split_whitespace().all(|word| self.has_word(word))
    }

    /// Whether the author wrote this, and not only as a piece of a longer word.
    fn has_word(&self, word: &str) -> bool {
        let goes_on = |c: char| c.is_alphanumeric() || c == '_';
        let apart = |before: Option<char>, first: Option<char>| !(before.is_some_and(goes_on) && first.is_some_and(goes_on));
        let stands_in = |text: &str| {
            text.match_indices(word).any(|(start, _)| {
                let (before, after) = (text[..start].chars().next_back(), text[start + word.len()..].chars().next());
                apart(before, word.chars().next()) && apart(after, word.chars().next_back())
            })
        };
        stands_in(&self.text) || stands_in(&self.defs)
    }

    /// What of an error may be told. The engine's own messages quote whole values, and so may an author's: kept are the author's words and
    /// texts that stand here.
    fn plain(&self, error: jaq_json::Error) -> RunError {
        let Val::TStr(text) = error.into_val() else { return RunError("raised an error".to_owned()) };
        let text = String::from_utf8_lossy(&text);
        if self.is_own(&text) {
            return RunError(shortened(&text));
        }
        RunError(self.engine_error(&text).unwrap_or_else(|| self.own_words(&text)))
    }

    /// One of the engine's messages in words that quote nothing.
    fn engine_error(&self, text: &str) -> Option<String> {
        if text.starts_with("cannot use ") {
            let wanted = TYPES.iter().find(|wanted| text.rsplit_once(" as ").is_some_and(|(_, end)| end == **wanted));
            return Some(format!("a value can't be used as {}", wanted.unwrap_or(&"what is needed here")));
        }
        if text.starts_with("cannot index ") {
            return Some(match text.rsplit_once(" with ").filter(|(_, key)| self.has_word(key.trim_matches('"'))) {
                Some((_, key)) => format!("a value has no {key}: it is of another type"),
                None => "a value can't be indexed: it is of another type".to_owned(),
            });
        }
        ENGINE_ERRORS.iter().find(|(start, _)| text.starts_with(start)).map(|(_, told)| (*told).to_owned())
    }

    /// The author's words of a message; what an input put between them is left out.
    fn own_words(&self, text: &str) -> String {
        let mut told: Vec<&str> = Vec::new();
        for word in text.split_whitespace() {
            let word = if self.has_word(word) { word } else { LEFT_OUT };
            if word != LEFT_OUT || told.last() != Some(&LEFT_OUT) {
                told.push(word);
            }
        }
        if told == [LEFT_OUT] { "raised an error".to_owned() } else { shortened(&told.join(" ")) }
    }
}

/// What stands for words that an input put into a message.
const LEFT_OUT: &str = "…";

/// The engine's names of types.
const TYPES: &[&str] =
    &["iterable (array or object)", "rangeable (array or string)", "array", "boolean", "integer", "number", "object", "string", "floating-point number"];

/// The engine's other messages: how they begin, and what is told instead.
const ENGINE_ERRORS: &[(&str, &str)] = &[
    ("cannot calculate ", "values of these types can't be calculated with"),
    ("cannot parse ", "a text can't be read as what is needed here"),
    ("cannot convert ", "a value can't be converted"),
    ("invalid path expression", "not a path expression"),
    ("invalid regex", "not a regular expression, or not its flags"),
    ("index ", "an index is out of bounds"),
];

/// The deepest nesting of brackets in an expression. Nobody writes more by hand, and the compiler follows every one of them.
const MAX_NESTING: usize = 200;

/// Refuses what the compiler would follow too deep. Brackets in texts count too: the compiler looks into those.
fn refuse_nesting(code: &str) -> Result<(), CompileError> {
    let mut depth = 0_usize;
    for (index, character) in code.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            let line = code[..index].matches('\n').count() + 1;
            return Err(CompileError { line, message: format!("brackets are nested more than {MAX_NESTING} deep") });
        }
    }
    Ok(())
}

/// Compiles a text with what is written before it.
fn compile(text: &str, prelude: &str, defs: &str, variables: &[Arc<str>]) -> Result<jaq_core::Filter<Data>, CompileError> {
    let has_now = variables.iter().any(|name| **name == *"now");
    let now = if has_now { "def now: $now;" } else { "" };
    let before = format!("{now} {STANDARD}\n{defs}\n{prelude}\n");
    let whole = format!("{before}{text}");
    let code = Code { whole: &whole, before: &before };
    let arena = Arena::default();
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let modules = Loader::new(definitions).load(&arena, File { path: (), code: code.whole }).map_err(|errors| load_error(code, errors))?;
    let natives = jaq_core::funs::<Data>().chain(jaq_std::funs()).chain(jaq_json::funs());
    let natives = natives.map(|native| if DISARMED.contains(&native.0) { disarmed(native) } else { native });
    let names: Vec<String> = variables.iter().map(|name| format!("${name}")).collect();
    Compiler::default().with_funs(natives).with_global_vars(names.iter().map(String::as_str)).compile(modules).map_err(|errors| compile_error(code, errors))
}

/// The longest piece of an expression that a message quotes, in characters.
const SHOWN_CHARS: usize = 60;

/// The longest message of an expression's own `error(...)` that is kept, in characters.
const MESSAGE_CHARS: usize = 100;

fn shown(text: &str) -> String {
    let first = text.trim().lines().next().unwrap_or_default();
    match first.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &first[..end]),
        None if text.trim().contains('\n') => format!("{first} ..."),
        None => first.to_owned(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn disarmed(native: native::Fun<Data>) -> native::Fun<Data> {
    let (name, arguments, _) = native;
    native::run::<Data>((name, arguments, |_| Box::new(std::iter::empty())))
}

/// An expression with what is written before it.
#[derive(Clone, Copy)]
struct Code<'c> {
    whole: &'c str,
    before: &'c str,
}

/// The line of `part` in the expression, from 1.
fn line(code: Code<'_>, part: &str) -> usize {
    let start = load::span(code.whole, part).start.min(code.whole.len());
    code.whole.get(code.before.len()..start).unwrap_or_default().matches('\n').count() + 1
}

fn load_error(code: Code<'_>, errors: load::Errors<&str, ()>) -> CompileError {
    let first = errors.into_iter().map(|(_, error)| match error {
        load::Error::Io(errors) => errors.into_iter().next().map(|(path, error)| CompileError { line: line(code, path), message: error }),
        load::Error::Lex(errors) => errors.into_iter().next().map(|(expected, found)| describe(code, expected.as_str(), found)),
        load::Error::Parse(errors) => errors.into_iter().next().map(|(expected, found)| describe(code, expected.as_str(), found)),
    });
    first.flatten().next().unwrap_or_else(|| CompileError { line: 1, message: "not a jq expression".to_owned() })
}

fn describe(code: Code<'_>, expected: &str, found: &str) -> CompileError {
    let word: String = found.chars().take_while(|c| !c.is_whitespace()).take(20).collect();
    let found_text = if word.is_empty() { "the end".to_owned() } else { format!("`{word}`") };
    CompileError { line: line(code, found), message: format!("expected {expected}, found {found_text}") }
}

fn compile_error(code: Code<'_>, errors: jaq_core::compile::Errors<&str, ()>) -> CompileError {
    let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
    match first {
        Some((name, undefined)) => CompileError { line: line(code, name), message: format!("undefined {} `{name}`", undefined.as_str()) },
        None => CompileError { line: 1, message: "not a jq expression".to_owned() },
    }
}

/// A value as JSON. Numbers that are not finite become the words that the door knows.
pub(super) fn to_json(value: &Val) -> Json {
    match value {
        Val::Null => Json::Null,
        Val::Bool(truth) => Json::Bool(*truth),
        Val::Num(number) => number_to_json(number),
        Val::BStr(text) | Val::TStr(text) => Json::String(String::from_utf8_lossy(text).into_owned()),
        Val::Arr(items) => Json::Array(items.iter().map(to_json).collect()),
        Val::Obj(entries) => Json::Object(entries.iter().map(|(key, value)| (text_of(key), to_json(value))).collect()),
    }
}

fn number_to_json(number: &Num) -> Json {
    let word = |number: f64| if number.is_nan() { "NaN" } else { "Infinity" };
    match number {
        Num::Int(whole) => Json::from(*whole as i64),
        Num::Float(real) => serde_json::Number::from_f64(*real).map_or_else(|| Json::from(word(*real)), Json::Number),
        // Beyond 64 bits; as text when it does not even fit a real number.
        other => {
            let text = other.to_string();
            text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(Json::String(text), Json::Number)
        }
    }
}

/// JSON as a value.
pub(super) fn from_json(json: &Json) -> Val {
    serde_json::from_value(json.clone()).expect("every JSON value is a jq value")
}

/// An object of these entries as a value.
pub(super) fn object(entries: impl IntoIterator<Item = (String, Val)>) -> Val {
    Val::obj(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// A list of these as a value.
pub(super) fn list(items: Vec<Val>) -> Val {
    Val::Arr(items.into())
}

/// A number as a value; a whole one without `.0` where it is written.
#[expect(clippy::cast_possible_truncation, reason = "checked: whole and far inside the range")]
pub(super) fn number(number: f64) -> Val {
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    Val::Num(if whole { Num::Int(number as isize) } else { Num::Float(number) })
}

/// A text as a value.
pub(super) fn text(text: impl Into<String>) -> Val {
    Val::from(text.into())
}

/// A scalar as plain text: a string without its quotes, anything else as JSON.
pub(super) fn text_of(value: &Val) -> String {
    match value {
        Val::TStr(text) | Val::BStr(text) => String::from_utf8_lossy(text).into_owned(),
        other => to_json(other).to_string(),
    }
}

/// What kind of value it is, for messages.
pub(super) fn type_of(value: &Val) -> &'static str {
    match value {
        Val::Null => "nothing",
        Val::Bool(_) => "a boolean",
        Val::Num(_) => "a number",
        Val::BStr(_) | Val::TStr(_) => "a text",
        Val::Arr(_) => "a list",
        Val::Obj(_) => "an object",
    }
}

/// What stands in place of a key, if this is none. A key is a text or a number, or a list of such: of several parts none may be missing.
pub(super) fn no_key(value: &Val) -> Option<&'static str> {
    let is_part = |part: &Val| matches!(part, Val::TStr(_) | Val::Num(_));
    match value {
        Val::Arr(parts) if parts.is_empty() => Some("nothing"),
        Val::Arr(parts) => parts.iter().find(|part| !is_part(part)).map(type_of),
        value => (!is_part(value)).then(|| type_of(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(text: &str, input: Json) -> Result<Vec<Json>, String> {
        let expression = Expression::compile(text, &Words::of(&["now", "settings"])).map_err(|error| format!("{}: {}", error.line, error.message))?;
        let scope = Scope::default().with("now", Val::from(7_isize)).with("settings", from_json(&json!({"a": [1]})));
        expression.run(from_json(&input), &scope).map(|values| values.iter().map(to_json).collect()).map_err(|error| error.to_string())
    }

    fn shared_between_threads<T: Send + Sync + 'static>() {}

    #[test]
    fn expressions_can_be_shared() {
        shared_between_threads::<Expression>();
        shared_between_threads::<Scope>();
    }

    #[test]
    fn expressions_run_with_their_variables() {
        assert_eq!(run(".a[] | {b: ., c: $now}", json!({"a": [1, 2.5]})).unwrap(), [json!({"b": 1, "c": 7}), json!({"b": 2.5, "c": 7})]);
        assert_eq!(run("$settings.a | index(1)", json!(null)).unwrap(), [json!(0)]);
        assert_eq!(run("now", json!(null)).unwrap(), [json!(7)]);
        assert_eq!(run("IN(1, 2), ([{\"k\": 5}] | INDEX(.k))", json!(2)).unwrap(), [json!(true), json!({"5": {"k": 5}})]);
        assert_eq!(run("nan", json!(null)).unwrap(), [json!("NaN")]);
        assert_eq!(run(".", json!(18_446_744_073_709_551_615_u64)).unwrap().len(), 1);
        assert_eq!(run("env, halt, debug, $__loc__?", json!(1)).unwrap_or_default().len(), 0);
    }

    #[test]
    fn broken_expressions_say_where() {
        for (text, message) in [
            (".a |", "1: expected term, found the end"),
            ("{\n  a: .b,\n  c: $nothing\n}", "3: undefined variable `$nothing`"),
            ("\n.a | mpa(.)", "2: undefined filter `mpa`"),
            (".a | (.b", "1: expected closing parenthesis, found the end"),
            (". ] .", "1: expected token, found `]`"),
        ] {
            assert_eq!(run(text, json!(null)).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn run_errors_quote_nothing_of_the_input() {
        for (text, message) in [
            (".a.name", "a value has no \"name\": it is of another type"),
            (".a[.a]", "a value can't be indexed: it is of another type"),
            (".a[]", "a value can't be used as iterable (array or object)"),
            (".a - 1", "values of these types can't be calculated with"),
            ("error(\"state is odd\")", "state is odd"),
            ("error({a: .a})", "raised an error"),
            ("error(.a)", "raised an error"),
            (".a | tonumber", "a text can't be read as what is needed here"),
            (".a | fromjson", "a text can't be read as what is needed here"),
            (".a | test(\"[\" + .)", "not a regular expression, or not its flags"),
            ("error(\"state \\(.a) is odd: \\(.a) \\(.a)\")", "state … is odd: …"),
            ("error(\"cannot use it as \" + .a)", "a value can't be used as what is needed here"),
            ("\"hushed\" as $x | error(\"no \" + .a)", "no …"),
        ] {
            let error = run(text, json!({"a": "hush"})).unwrap_err();
            assert_eq!(error, message, "{text}");
        }
    }
}
