use serde_json::json;

use super::*;

fn expression(text: &str) -> Expression {
    Expression::compile(text, &expression::Words::default()).unwrap()
}

fn identities(rows: &Json) -> Vec<Digest> {
    rows.as_array().unwrap().iter().map(|row| Digest::of(row.to_string().as_bytes())).collect()
}

/// Walks over pages given as bodies with `rows`, and optionally `link`; the page after the last one is the first once more, where it is asked
/// for. The queries asked, or what went wrong.
fn walk(page: Option<&Page>, pages: &[Json]) -> Result<Vec<String>, String> {
    let mut walk = Walk::new(page);
    let mut asked = Vec::new();
    let mut bodies = pages.iter();
    let told = |failure: Failure| {
        assert_eq!(failure.reason, FailureReason::Incomplete);
        failure.message
    };
    while let Some(body) = bodies.next() {
        let additions = walk.additions();
        let query: Vec<_> = additions.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let json: Vec<_> = additions.json.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let after = walk.after().map(|after| format!("after {}", expression::to_json(after)));
        asked.push([query, json, after.into_iter().collect(), additions.link.into_iter().collect()].concat().join("&"));
        let rows: Vec<Val> = body["rows"].as_array().unwrap().iter().map(expression::from_json).collect();
        let facts = facts(page, &expression::from_json(body), &rows, &Scope::default()).map_err(told)?;
        let link = body["link"].as_str().map(str::to_owned);
        match walk.advance(Seen { rows: identities(&body["rows"]), link, facts }).map_err(told)? {
            Step::Next => {}
            Step::End => return Ok(asked),
            Step::FirstAgain => {
                let now = bodies.next().map_or_else(|| identities(&pages[0]["rows"]), |body| identities(&body["rows"]));
                return walk.confirm(&now).map(|()| [asked, vec!["first again".to_owned()]].concat()).map_err(told);
            }
        }
    }
    Ok([asked, vec!["and more".to_owned()]].concat())
}

/// Rows that are told apart by their first part and ordered by their second, two at least to a page.
fn keyset(by: &str, size: Option<u64>, descending: bool, overlap: bool) -> Page {
    Page::Keyset { by: expression(by), size: size.map(|size| ("size".into(), size)), place: Place::Query, descending, overlap }
}

#[test]
fn tokens() {
    let page = Page::Token { next: expression(".next"), param: "t".into(), place: Place::Query };
    let ok = |pages: &[Json]| walk(Some(&page), pages).unwrap();
    assert_eq!(ok(&[json!({"rows": [1]})]), [""]);
    assert_eq!(ok(&[json!({"rows": [1], "next": ""})]), [""]);
    // A page may be empty and still have a token.
    assert_eq!(ok(&[json!({"rows": [1], "next": "a"}), json!({"rows": [], "next": "b"}), json!({"rows": [2]})]), ["", "t=a", "t=b", "first again"]);
    let err = |pages: &[Json]| walk(Some(&page), pages).unwrap_err();
    assert!(err(&[json!({"rows": [1], "next": "a"}), json!({"rows": [2], "next": "a"})]).contains("points back"));
    assert!(err(&[json!({"rows": [1], "next": "a"}), json!({"rows": [1], "next": "b"})]).contains("nothing new"));
    assert!(err(&[json!({"rows": [1], "next": {"a": 1}})]).contains("is an object"));
}

#[test]
fn the_first_page_has_all_its_rows_still_when_the_last_has_come() {
    let page = Page::Token { next: expression(".next"), param: "t".into(), place: Place::Query };
    let again = |rows: Json| walk(Some(&page), &[json!({"rows": [1, 2, 3], "next": "a"}), json!({"rows": [5]}), json!({"rows": rows})]);
    // As it was; new rows at the top, or between others, push rows to the page after it, where they were read.
    for rows in [json!([1, 2, 3]), json!([9, 1, 2]), json!([8, 9, 1]), json!([1, 9, 2])] {
        assert_eq!(again(rows.clone()).unwrap(), ["", "t=a", "first again"], "{rows}");
    }
    // Row 4 has moved up to where row 1, 2 or 3 was, and was on neither page; or nothing of the page is left to tell by.
    for rows in [json!([2, 3, 4]), json!([1, 3, 4]), json!([1, 2]), json!([]), json!([7, 8, 9]), json!([2, 1, 3])] {
        assert!(again(rows.clone()).unwrap_err().contains("first page has lost rows"), "{rows}");
    }
}

fn offset(total: Option<&str>, cap: Option<u64>, overlap: bool) -> Page {
    let limit = Some(("limit".into(), 500));
    Page::Offset { param: "offset".into(), place: Place::Query, limit, total: total.map(expression), total_cap: cap, overlap }
}

#[test]
fn offsets() {
    let page = offset(Some(".total"), None, true);
    // The server clamps 500 to 2: the walk advances by what came back, and each page begins with the last row of the one before.
    let pages = [json!({"rows": [1, 2, 3], "total": 4}), json!({"rows": [3, 4], "total": 4})];
    assert_eq!(walk(Some(&page), &pages).unwrap(), ["limit=500&offset=0", "limit=500&offset=2"]);
    // Where the total ends the walk at a full page, the page after it is asked for: here is all there is, and here is more.
    let pages = [json!({"rows": [1, 2], "total": 3}), json!({"rows": [2, 3], "total": 3}), json!({"rows": [3], "total": 3})];
    assert_eq!(walk(Some(&page), &pages).unwrap(), ["limit=500&offset=0", "limit=500&offset=1", "limit=500&offset=2"]);
    let pages = [json!({"rows": [1, 2], "total": 3}), json!({"rows": [2, 3], "total": 3}), json!({"rows": [3, 4], "total": 3})];
    assert!(walk(Some(&page), &pages).unwrap_err().contains("page 3 announces fewer rows than have come"));
    assert_eq!(walk(Some(&page), &[json!({"rows": [], "total": 0})]).unwrap().len(), 1);
    // Without a total, or with one that is capped, only a page of nothing new ends the walk.
    let pages = [json!({"rows": [1, 2], "total": 2}), json!({"rows": [2, 3], "total": 2}), json!({"rows": [3], "total": 2})];
    assert_eq!(walk(Some(&offset(None, None, true)), &pages).unwrap().len(), 3);
    assert_eq!(walk(Some(&offset(Some(".total"), Some(2), true)), &pages).unwrap().len(), 3);
    // A list without an overlap, or with pages of one row, is proved by its first page.
    let pages = [json!({"rows": [1, 2], "total": 3}), json!({"rows": [3], "total": 3})];
    assert_eq!(walk(Some(&offset(Some(".total"), None, false)), &pages).unwrap(), ["limit=500&offset=0", "limit=500&offset=2", "first again"]);
    let pages = [json!({"rows": [1], "total": 2}), json!({"rows": [2], "total": 2})];
    assert_eq!(walk(Some(&page), &pages).unwrap(), ["limit=500&offset=0", "limit=500&offset=1", "first again"]);
}

/// Four rows, two to a page, of which something happens to one before the second page is asked for.
#[test]
fn rows_that_may_have_been_passed_over() {
    let page = offset(Some(".total"), None, true);
    let first = || json!({"rows": [1, 2], "total": 4});
    let walk = |pages: &[Json]| walk(Some(&page), pages);
    // Row 1 is deleted: row 3 comes where row 2 was. The count would fit: three different rows of three.
    assert!(walk(&[first(), json!({"rows": [3, 4], "total": 3})]).unwrap_err().contains("page 2 does not begin where page 1 ended"));
    // Row 2 is deleted, and another one added: no total falls.
    assert!(walk(&[first(), json!({"rows": [3, 4], "total": 4})]).unwrap_err().contains("does not begin"));
    // The server leaves a page out.
    assert!(walk(&[first(), json!({"rows": [4], "total": 4})]).unwrap_err().contains("does not begin"));
    // Row 4, not read yet, is deleted: what there is was read, but the total fell, and that is how the first case looks as well.
    assert!(walk(&[first(), json!({"rows": [2, 3], "total": 3})]).unwrap_err().contains("page 2 announces less than the page before"));
    // A list that only grows, at its end or at its top: a row that comes twice is fine.
    assert_eq!(
        walk(&[first(), json!({"rows": [2, 3], "total": 5}), json!({"rows": [3, 4, 5], "total": 5}), json!({"rows": [5], "total": 5})]).unwrap().len(),
        4
    );
    assert_eq!(
        walk(&[first(), json!({"rows": [1, 2, 3], "total": 5}), json!({"rows": [3, 4], "total": 5}), json!({"rows": [4], "total": 5})]).unwrap().len(),
        4
    );
}

#[test]
fn totals_that_contradict_themselves_or_the_rows() {
    let page = offset(Some(".total"), None, true);
    for (pages, message) in [
        // A page in the middle announces nothing, or three fewer, and would end the walk.
        (vec![json!({"rows": [1, 2], "total": 6}), json!({"rows": [2, 3], "total": 0})], "page 2 announces less"),
        (vec![json!({"rows": [1, 2], "total": 6}), json!({"rows": [2, 3], "total": 3})], "page 2 announces less"),
        (vec![json!({"rows": [1, 2], "total": 0})], "page 1 announces fewer rows than have come"),
        (vec![json!({"rows": [1, 2], "total": 3}), json!({"rows": [], "total": 3})], "page 2 does not begin"),
        (vec![json!({"rows": [1, 2], "total": 3}), json!({"rows": [2], "total": 3})], "page 2 is empty after 2 rows, and yet more"),
        (vec![json!({"rows": [1], "total": 3}), json!({"rows": [], "total": 3})], "page 2 is empty after 1 rows, and yet more"),
        (vec![json!({"rows": [1, 2], "total": 4}), json!({"rows": [1, 2], "total": 4})], "page 2 brings nothing new"),
        (vec![json!({"rows": [1, 1], "total": 2})], "1 different rows came, fewer than were announced"),
        (vec![json!({"rows": [1]})], "does not say how much there is: `.total` gives nothing"),
        (vec![json!({"rows": [1], "total": -1})], "does not say how much there is"),
        (vec![json!({"rows": [1, 2], "total": 4}), json!({"rows": [2, 3]})], "does not say how much there is"),
    ] {
        let error = walk(Some(&page), &pages).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn page_numbers() {
    let page = |total: Option<&str>, pages: Option<&str>| Page::Number {
        param: "page".into(),
        place: Place::Json,
        first: 1,
        size: Some(("size".into(), 2)),
        total: total.map(expression),
        pages: pages.map(expression),
    };
    let bodies = [json!({"rows": [1, 2], "total": 3, "pages": 2}), json!({"rows": [3], "total": 3, "pages": 2})];
    assert_eq!(walk(Some(&page(Some(".total"), None)), &bodies).unwrap(), ["size:2&page:1", "size:2&page:2", "first again"]);
    assert_eq!(walk(Some(&page(None, Some(".pages"))), &bodies).unwrap().len(), 3);
    assert_eq!(walk(Some(&page(None, None)), &bodies).unwrap(), ["size:2&page:1", "size:2&page:2", "and more"]);
    // An empty page after a short one: nothing can have moved up.
    assert_eq!(walk(Some(&page(None, None)), &[json!({"rows": [1]}), json!({"rows": []})]).unwrap(), ["size:2&page:1", "size:2&page:2"]);
    assert_eq!(walk(Some(&page(None, None)), &[json!({"rows": [1, 2]}), json!({"rows": []})]).unwrap().len(), 3);
    let bodies = [json!({"rows": [1, 2], "pages": 3}), json!({"rows": [3, 4], "pages": 2})];
    assert!(walk(Some(&page(None, Some(".pages"))), &bodies).unwrap_err().contains("page 2 announces less"));
    // Row 1 is deleted, row 3 takes its page, and another one makes up for the total.
    let bodies = [json!({"rows": [1, 2], "total": 4}), json!({"rows": [4, 5], "total": 4}), json!({"rows": [2, 3], "total": 4})];
    assert!(walk(Some(&page(Some(".total"), None)), &bodies).unwrap_err().contains("first page has lost rows"));
}

#[test]
fn links() {
    let pages = [json!({"rows": [1], "link": "/p?2"}), json!({"rows": [2]})];
    assert_eq!(walk(Some(&Page::Link), &pages).unwrap(), ["", "/p?2", "first again"]);
    let circle = [json!({"rows": [1], "link": "/p?2"}), json!({"rows": [2], "link": "/p?2"})];
    assert!(walk(Some(&Page::Link), &circle).unwrap_err().contains("points back"));
    // A stream that describes no paging must not overlook that there is some.
    assert!(walk(None, &pages).unwrap_err().contains("announces a next page"));
}

#[test]
fn cursors() {
    let page = Page::Cursor { end: expression(".end"), more: expression(".more"), variable: Some("after".into()) };
    let pages = [json!({"rows": [1], "end": "x", "more": true}), json!({"rows": [2], "end": "y", "more": false})];
    assert_eq!(walk(Some(&page), &pages).unwrap(), ["", "after:\"x\""]);
    for (pages, message) in [
        (vec![json!({"rows": [1], "end": null, "more": true})], "does not say where"),
        (vec![json!({"rows": [1], "end": "x"})], "does not say whether there is more"),
        (vec![json!({"rows": [1], "end": "x", "more": true}), json!({"rows": [2], "end": "x", "more": true})], "points back"),
    ] {
        assert!(walk(Some(&page), &pages).unwrap_err().contains(message));
    }
}

#[test]
fn keysets() {
    let page = keyset("[.at, .id]", Some(2), false, true);
    let row = |id: u64, at: u64| json!({"id": id, "at": at});
    let ok = |pages: &[Json]| walk(Some(&page), pages).unwrap();
    let err = |pages: &[Json]| walk(Some(&page), pages).unwrap_err();
    assert_eq!(ok(&[json!({"rows": []})]), ["size=2"], "an empty list needs no page after it");
    // One row is all, which only the page after it shows; and three rows.
    assert_eq!(ok(&[json!({"rows": [row(1, 5)]}), json!({"rows": [row(1, 5)]})]), ["size=2", "size=2&after [5,1]"]);
    let pages = [json!({"rows": [row(1, 5), row(2, 5)]}), json!({"rows": [row(2, 5), row(3, 6)]}), json!({"rows": [row(3, 6)]})];
    assert_eq!(ok(&pages), ["size=2", "size=2&after [5,2]", "size=2&after [6,3]"]);
    // A row that moves to the end while the list is read is met again there; the page without it is no gap. What counts is the row, not its place.
    let page_of = |rows: &[(u64, u64)]| json!({"rows": rows.iter().map(|(id, at)| row(*id, *at)).collect::<Vec<_>>()});
    let by_id = |pages: &[Json]| {
        let page = keyset("[.at, .id]", Some(2), false, true);
        let mut walk = Walk::new(Some(&page));
        let step = |body: &Json, walk: &mut Walk<'_>| {
            let rows: Vec<Val> = body["rows"].as_array().unwrap().iter().map(expression::from_json).collect();
            let facts = facts(Some(&page), &Val::Null, &rows, &Scope::default()).unwrap();
            let rows = body["rows"].as_array().unwrap().iter().map(|row| Digest::of(row["id"].to_string().as_bytes())).collect();
            walk.advance(Seen { rows, link: body["link"].as_str().map(str::to_owned), facts }).map_err(|failure| failure.message)
        };
        pages.iter().map(|body| step(body, &mut walk)).collect::<Result<Vec<_>, _>>()
    };
    let moved = [page_of(&[(1, 5), (2, 6)]), page_of(&[(3, 7), (4, 8)]), page_of(&[(4, 8), (2, 9)]), page_of(&[(2, 9)])];
    assert_eq!(by_id(&moved), Ok(vec![Step::Next, Step::Next, Step::Next, Step::End]));
    // One that never comes again was deleted, or the upstream reads the place otherwise than it wrote it, and others were passed over.
    let gone = [page_of(&[(1, 5), (2, 6)]), page_of(&[(3, 7), (4, 8)]), page_of(&[(4, 8)])];
    assert!(by_id(&gone).unwrap_err().contains("did not come again"));
    assert!(by_id(&[page_of(&[(1, 5), (2, 6)]), page_of(&[])]).unwrap_err().contains("did not come again"));
    let mut more = page_of(&[(2, 6)]);
    more["link"] = json!("/next");
    assert!(by_id(&[page_of(&[(1, 5), (2, 6)]), more]).unwrap_err().contains("announces a next page"));
    for (pages, message) in [
        (vec![json!({"rows": [row(2, 6), row(1, 5)]})], "the rows of page 1 are not in the order of `by`"),
        // The upstream does not heed the place: the first page comes again and again.
        (vec![json!({"rows": [row(1, 5), row(2, 6)]}), json!({"rows": [row(1, 5), row(2, 6)]})], "page 2 has rows from before the place"),
        (vec![json!({"rows": [{"id": 1}]})], "`[.at, .id]`: expected texts and numbers to order by, found nothing"),
    ] {
        assert!(err(&pages).contains(message), "{}", err(&pages));
    }
}

#[test]
fn rows_that_are_equal_in_their_order() {
    let page = keyset(".at", Some(3), false, true);
    let rows = |ids: &[u64], at: u64| ids.iter().map(|id| json!({"id": id, "at": at})).collect::<Vec<_>>();
    // Fewer than a page holds: they are all there.
    let pages = [json!({"rows": rows(&[1, 2], 5)}), json!({"rows": rows(&[1, 2], 5)})];
    assert_eq!(walk(Some(&page), &pages).unwrap().len(), 2);
    // As many as a page holds, asked for or seen: there may be more of them, and no page ever gets there.
    let pages = [json!({"rows": rows(&[1, 2, 3], 5)}), json!({"rows": rows(&[1, 2, 3], 5)})];
    assert!(walk(Some(&page), &pages).unwrap_err().contains("more rows are equal in what they are ordered by than a page holds"));
    let clamped = keyset(".at", Some(500), false, true);
    let pages = [
        json!({"rows": ([rows(&[1], 5), rows(&[2], 6)].concat())}),
        json!({"rows": ([rows(&[2], 6), rows(&[3], 7)].concat())}),
        json!({"rows": rows(&[3, 4], 7)}),
    ];
    assert!(walk(Some(&clamped), &pages).unwrap_err().contains("than a page holds"));
}

#[test]
fn what_lies_beyond_a_row() {
    let page = keyset(".id", None, true, false);
    let rows = |ids: &[u64]| json!({"rows": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()});
    assert_eq!(walk(Some(&page), &[rows(&[9, 7]), rows(&[5]), rows(&[])]).unwrap(), ["", "after 7", "after 5"]);
    assert!(walk(Some(&page), &[rows(&[9, 7]), rows(&[7, 5])]).unwrap_err().contains("page 2 has rows from before the place"));
    assert!(walk(Some(&page), &[rows(&[9, 9])]).unwrap_err().contains("two rows of page 1 are equal"));
    assert!(walk(Some(&page), &[rows(&[7, 9])]).unwrap_err().contains("not in the order"));
}

#[test]
fn a_feed_names_the_address_of_its_next_page() {
    let page = Page::Cursor { end: expression(".end"), more: expression(".more"), variable: None };
    // What changes meanwhile comes once more further on, and the last page may be empty.
    let pages =
        [json!({"rows": [1, 2], "end": "/p?2", "more": true}), json!({"rows": [3, 1], "end": "/p?3", "more": true}), json!({"rows": [], "more": false})];
    assert_eq!(walk(Some(&page), &pages).unwrap(), ["", "/p?2", "/p?3"]);
    let circle = [json!({"rows": [1], "end": "/p?2", "more": true}), json!({"rows": [2], "end": "/p?2", "more": true})];
    assert!(walk(Some(&page), &circle).unwrap_err().contains("points back"));
}
