//! Tables of records: what stands in them, how they compare with the beginning of the period, and that nothing is told where nothing is provided.

use std::collections::BTreeMap;

use maud::{Markup, html};
use url::Url;

use super::{Context, table as boxed, table_anchor, words};
use crate::{
    draw::{self, Amounts, Mark, badge},
    review::model::{Cell, Column, ColumnKind, Compared, Row, RowChange, Table},
    threshold::State,
};

/// Columns from which on a table is written small.
const WIDE: usize = 7;

/// Columns from which on a table wants paper that lies on its side.
const VERY_WIDE: usize = 9;

/// Whether a table is so wide that paper is laid on its side for it.
pub(super) fn is_very_wide(table: &Table) -> bool {
    columns(table).len() + usize::from(is_compared(table)) > VERY_WIDE
}

/// The columns in which anything stands, by their places.
fn columns(table: &Table) -> Vec<(usize, &Column)> {
    let stands = |row: &Row, place: usize| [&row.cells, &row.before].into_iter().any(|cells| !matches!(cells.get(place), None | Some(Cell::Nothing)));
    table.columns.iter().enumerate().filter(|(place, _)| table.rows.iter().any(|row| stands(row, *place))).collect()
}

fn is_compared(table: &Table) -> bool {
    table.rows.iter().any(|row| row.change.is_some())
}

pub(super) fn table(context: &Context, table: &Table) -> Markup {
    html! {
        h3 id=(table_anchor(&table.id)) { (table.title) }
        p { (table.about) }
        @if !table.not_provided.is_empty() { (not_provided(table)) }
        @if let Some(compared) = &table.compared { (comparison(context, compared)) }
        @if table.rows.is_empty() {
            @if table.not_provided.is_empty() && table.count == 0 { p { strong { "None." } @if !only_changes(table) { " What this table is made from is provided: there was nothing." } @else { " Nothing changed." } } }
        } @else {
            (amounts(context, table))
            (boxed(if columns(table).len() > WIDE { "data wide" } else { "data" }, &html! { (table.title) }, &content(context, table)))
            (empty(table))
        }
        @if table.count > table.rows.len() { p.more { (table.count - table.rows.len()) " more in " span.code { (table.file) } "." } }
    }
}

fn only_changes(table: &Table) -> bool {
    table.compared.as_ref().is_some_and(|compared| compared.only_changes)
}

fn not_provided(table: &Table) -> Markup {
    html! {
        div.lacks { p {
            (badge(Mark::State(State::Unknown))) " " strong { "No data source." } " Nothing provides "
            @for (place, feed) in table.not_provided.iter().enumerate() { @if place > 0 { ", " } span.code { (feed) } }
            @if table.rows.is_empty() { ": this table is empty because nobody tells, not because there is nothing." } @else { ": what is told here may not be all." }
        } }
    }
}

fn comparison(context: &Context, compared: &Compared) -> Markup {
    html! {
        p.quiet {
            @match compared.with {
                None => { "It can't be compared with the beginning of the period: nothing is stored of that. What changed is not known." }
                Some(moment) => {
                    "Compared with " (context.calendar.moment(moment)) ": " (compared.new) " new, " (compared.changed) " changed, " (compared.gone) " gone"
                    @if compared.only_changes { "; what is the same is left out" } "."
                }
            }
        }
    }
}

fn content(context: &Context, table: &Table) -> Markup {
    let (is_compared, columns) = (is_compared(table), columns(table));
    html! {
        thead { tr {
            @if is_compared { th scope="col" { "Change" } }
            @for (_, column) in &columns { th scope="col" class=[is_number(column.kind).then_some("n")] { (column.title) } }
        } }
        tbody { @for row in &table.rows { tr {
            @if is_compared { td { @if let Some(change) = row.change { (changed(change)) } } }
            @for (place, column) in &columns { (cell(context, row, column, *place)) }
        } } }
    }
}

/// Columns in which nothing stands: they are not shown, and that is said.
fn empty(table: &Table) -> Markup {
    let shown = columns(table);
    let left: Vec<_> =
        table.columns.iter().enumerate().filter(|(place, _)| !shown.iter().any(|(other, _)| other == place)).map(|(_, column)| column.title.as_str()).collect();
    html! { @if !left.is_empty() && !table.rows.is_empty() { p.more { "In no row: " (left.join(", ")) "." } } }
}

fn cell(context: &Context, row: &Row, column: &Column, place: usize) -> Markup {
    let value = row.cells.get(place).unwrap_or(&Cell::Nothing);
    let before = row.before.get(place).filter(|before| *before != value);
    html! {
        td class=[is_number(column.kind).then_some("n")] {
            (written(context, value, column.kind))
            @if let Some(before) = before { div.quiet { "was: " (written(context, before, column.kind)) } }
        }
    }
}

fn is_number(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Number | ColumnKind::Seconds | ColumnKind::Days | ColumnKind::Ratio)
}

fn changed(change: RowChange) -> &'static str {
    match change {
        RowChange::New => "+ new",
        RowChange::Changed => "~ changed",
        RowChange::Gone => "\u{2212} gone",
        RowChange::Same => "same",
    }
}

/// A value as its column has it.
fn written(context: &Context, cell: &Cell, kind: ColumnKind) -> Markup {
    let Some(number) = number(cell) else {
        return match cell {
            Cell::Text(text) => of_text(text, kind),
            _ => html! { span.quiet { "\u{2013}" } },
        };
    };
    let whole = words::whole(number);
    html! {
        @match kind {
            ColumnKind::Day => { (words::day(whole)) }
            ColumnKind::Time => { (context.calendar.moment(whole)) }
            ColumnKind::Seconds => { (words::span(whole)) }
            ColumnKind::Days => { (context.calendar.value(number, "")) @if whole == 1 { " day" } @else { " days" } }
            ColumnKind::Ratio => { (context.calendar.value(number, "ratio")) }
            ColumnKind::YesNo => { @if whole == 0 { "no" } @else { "yes" } }
            ColumnKind::Text | ColumnKind::Number | ColumnKind::State | ColumnKind::Link => { (context.calendar.value(number, "")) }
        }
    }
}

fn of_text(text: &str, kind: ColumnKind) -> Markup {
    let address = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    html! {
        @match (kind, address) {
            // A state that nobody knows is not known.
            (ColumnKind::State, _) => { (badge(State::ALL.into_iter().find(|state| state.as_str() == text).unwrap_or(State::Unknown).into())) }
            // Where it leads; all of the address stands in the CSV file.
            (ColumnKind::Link, Some(url)) => { a href=(text) rel="noreferrer" { (url.host_str().unwrap_or(text)) } }
            _ => { (text) }
        }
    }
}

/// Kinds that are drawn apart; where there are more, all of them together.
const KINDS: usize = 3;

/// Pictures of a table that counts, period by period, what was opened, what was closed and what was left at the end.
fn amounts(context: &Context, table: &Table) -> Markup {
    let place = |name: &str, kind| table.columns.iter().position(|column| column.name == name && column.kind == kind);
    let number = |name| place(name, ColumnKind::Number);
    let (Some(begins), Some(opened), Some(closed), Some(left)) = (place("begins", ColumnKind::Day), number("opened"), number("closed"), number("open_at_end"))
    else {
        return html! {};
    };
    let counted = [opened, closed, left];
    let kind = table.columns.iter().position(|column| column.kind == ColumnKind::Text);
    let kind_of = |row: &Row| kind.and_then(|place| row.cells.get(place)).map(text).unwrap_or_default();
    let mut kinds: Vec<String> = Vec::new();
    for row in &table.rows {
        if !kinds.contains(&kind_of(row)) {
            kinds.push(kind_of(row));
        }
    }
    let are_apart = kinds.len() <= KINDS;
    if !are_apart {
        kinds = vec![String::new()];
    }
    let names = counted.map(|place| table.columns[place].title.clone());
    let picture = |kind: &String| {
        let rows = table.rows.iter().filter(|row| !are_apart || kind_of(row) == *kind);
        let title = if kind.is_empty() { table.title.clone() } else { capital(&kind.replace('_', " ")) };
        draw::amounts(&Amounts { title, names: names.clone(), periods: periods(context, rows, begins, counted) })
    };
    html! { div.plots { @for kind in &kinds { (picture(kind)) } } }
}

/// Sums of amounts by period, the oldest first. A sum of which a part is not known is not known.
fn periods<'r>(context: &Context, rows: impl Iterator<Item = &'r Row>, begins: usize, counted: [usize; 3]) -> Vec<(String, [Option<f64>; 3])> {
    let header = &context.pack.header;
    let mut sums: BTreeMap<i64, [Option<f64>; 3]> = BTreeMap::new();
    for row in rows {
        let Some(Cell::Integer(day)) = row.cells.get(begins) else { continue };
        let sum = sums.entry(*day).or_insert([Some(0.0); 3]);
        for (sum, place) in sum.iter_mut().zip(counted) {
            *sum = sum.zip(row.cells.get(place).and_then(number)).map(|(sum, more)| sum + more);
        }
    }
    let name = |first: i64| {
        header.before.iter().chain([&header.period]).find(|period| period.first_day == first).map_or_else(|| words::day(first), |period| period.name.clone())
    };
    sums.into_iter().map(|(first, sums)| (name(first), sums)).collect()
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        #[expect(clippy::cast_precision_loss, reason = "what is shown has fewer digits")]
        Cell::Integer(number) => Some(*number as f64),
        Cell::Real(number) => Some(*number),
        Cell::Text(_) | Cell::Nothing => None,
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        _ => String::new(),
    }
}
