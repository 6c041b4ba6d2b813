//! The built-in connectors `register` and `records` over tables in every notation: what the jq makes of them, and what the door admits.

use serde_json::{Value as Json, json};

use crate::{
    connector::{
        expression::{Expression, Scope, Words, from_json, to_json},
        format::{Format, FormatError, Layout, Own, OwnColumns, Wanted, assign},
    },
    document::{Document, Mistakes},
    record::{Door, Record, Zone},
};

const REGISTER: &str = include_str!("../../../../config/connectors/register/connector.yaml");
const RECORDS: &str = include_str!("../../../../config/connectors/records/connector.yaml");

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

const DOOR: Door = Door { now: NOW, zone: Zone::UTC };

struct Connector {
    names: Vec<String>,
    wanted: Vec<Wanted>,
    records: Vec<Expression>,
}

/// A connector's streams, without what the engine adds.
fn connector(text: &str) -> Connector {
    let mut mistakes = Mistakes::default();
    let description = Document::parse("connector.yaml", text, &mut mistakes).and_then(|document| document.read::<Json>(&mut mistakes));
    let description = description.unwrap_or_else(|| panic!("{mistakes}"));
    let defs = description["defs"].as_str().unwrap_or_default();
    let mut connector = Connector { names: Vec::new(), wanted: Vec::new(), records: Vec::new() };
    for stream in description["streams"].as_array().unwrap() {
        let name = stream["name"].as_str().unwrap();
        let words = Words { variables: &["settings", "source", "vars", "row", "place", "index", "now", "midnight"], defs: defs.into(), ..Words::default() };
        connector.names.push(name.to_owned());
        connector.wanted.push(serde_json::from_value(stream["files"].clone()).unwrap_or_else(|error| panic!("{name}: {error}")));
        connector.records.push(Expression::compile(stream["records"].as_str().unwrap(), &words).unwrap_or_else(|error| panic!("{name}: {error:?}")));
    }
    connector
}

fn read(connector: &Connector, files: &[(&str, &str)], own: &OwnColumns) -> Result<Vec<Record>, String> {
    let text = |errors: Vec<FormatError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let own = Own { columns: own.clone(), ..Own::default() };
    let wanted: Vec<_> = connector.wanted.iter().collect();
    let layout = Layout { streams: &wanted, own: &own };
    let mut tables = Vec::new();
    for (name, content) in files {
        tables.extend(Format::of_name(name).unwrap().read(name, content.as_bytes(), &layout).map_err(|error| error.to_string())?);
    }
    let streams = assign(tables, &wanted, &own).whole().map_err(text)?;
    let mut admitted = Vec::new();
    for (expression, rows) in connector.records.iter().zip(streams) {
        for row in rows.into_iter().flat_map(|taken| taken.rows) {
            let scope = Scope::default().with("midnight", from_json(&json!(crate::connector::memo::midnight(NOW))));
            let records = expression.run(from_json(&row.value), &scope).map_err(|error| format!("{}: {error}", row.place))?;
            for record in records.iter().map(to_json) {
                admitted.extend(DOOR.admit(&record).map_err(|refusal| format!("{}: {refusal}", row.place))?);
            }
        }
    }
    Ok(admitted)
}

/// A record in short: id, system keys, fields that are set, attributes.
fn short(record: &Record) -> String {
    let body: Json = serde_json::from_str(&record.body()).unwrap();
    let fields: Vec<_> =
        body["fields"].as_object().unwrap().iter().filter(|(name, _)| *name != "due_ends_at").map(|(name, value)| format!("{name}={}", plain(value))).collect();
    let attributes: Vec<_> = body["attributes"].as_array().into_iter().flatten().map(|pair| format!("{}:{}", plain(&pair[0]), plain(&pair[1]))).collect();
    let lists: Vec<_> = body["lists"].as_object().into_iter().flatten().map(|(name, rows)| format!(" {name}={rows}")).collect();
    format!("{} {} [{}] {}{} ({})", record.shape.name, record.id, record.system_keys.join(","), fields.join(" "), lists.concat(), attributes.join(" "))
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shape_of(name: &str, wanted: &Wanted) -> &'static crate::record::Shape {
    let record = match name {
        "systems" => "system",
        "controls" => "control",
        "objectives" => "objective",
        "datasets" => "dataset",
        "plan_entries" => "plan_entry",
        "event_logs" => "event_log",
        "interested_parties" => "party",
        "decisions" => "decision",
        "acceptances" => "acceptance",
        _ if wanted.columns.contains_key("opened_at") => "case",
        _ => "review",
    };
    crate::record::shape::by_name(record).unwrap()
}

#[test]
fn every_field_of_a_shape_is_read_under_its_own_name() {
    let register = connector(REGISTER);
    for (name, wanted) in register.names.iter().zip(&register.wanted).filter(|(name, _)| *name != "certificates") {
        let shape = shape_of(name, wanted);
        let settable = shape.fields.iter().filter(|field| field.presence.is_given() && Some(field.name) != shape.kind_field);
        let fields: Vec<_> = settable.map(|field| field.name).chain(shape.lists.iter().map(|list| list.field)).chain(["url"]).collect();
        let missing: Vec<_> = fields.iter().filter(|field| !wanted.columns.contains_key(**field)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
}

/// What is no field of the record says what becomes of it, and it does: a row with nothing else has the field that is named first.
#[test]
fn what_becomes_of_other_columns_is_said() {
    let register = connector(REGISTER);
    for (name, wanted) in register.names.iter().zip(&register.wanted) {
        let shape = shape_of(name, wanted);
        let lists = shape.lists.iter().map(|list| list.field);
        let known: Vec<_> = shape.fields.iter().map(|field| field.name).chain(lists).chain(["id", "url", "system"]).collect();
        let silent: Vec<_> = wanted.columns.keys().filter(|column| !known.contains(&column.as_str()) && !wanted.becomes.contains_key(*column)).collect();
        assert!(silent.is_empty(), "{name}: {silent:?}");
    }
    let incident = |column: &str, value: &str| {
        let text = format!("id,system,{column}\n1,a,{value}\n");
        let text = if column.ends_with("_at") { text } else { text.replace("id,", "detected_at,id,").replace("1,a", "2026-01-02,1,a") };
        short(&read(&register, &[("incidents.csv", &text)], &OwnColumns::new()).unwrap().remove(0))
    };
    let case = &register.wanted[register.names.iter().position(|name| name == "incidents").unwrap()];
    for (column, becomes) in &case.becomes {
        let (value, shown) = match column.as_str() {
            "priority" => ("hoch", "severity=high"),
            "tracker_id" | "tracker_url" => ("#7", "reference=7"),
            _ => ("2026-01-02", "opened_at=1767312000"),
        };
        let record = incident(column, value);
        assert!(becomes.starts_with(shown.split('=').next().unwrap()), "{column}: {becomes}");
        assert!(record.contains(&format!(" {shown}")) && record.contains(&format!("{column}:")), "{column}: {record}");
    }
}

/// Files, and the records that they become: shape, id, [system keys], fields, lists, (attributes).
const ADMITTED: &[(&str, &str, &[&str])] = &[
    (
        "systems.yaml",
        "- id: credit-scoring\n  name: Credit scoring\n  owner: role:credit-risk\n  tier: high\n  aliases: [credit]\n  protected_attributes: [sex, age]\n- {name: Chat Bot, in_scope: no}\n",
        &[
            "system credit-scoring [] in_scope=1 lifecycle=production name=Credit scoring owner_role=credit-risk risk_tier=high aliases=[[\"credit\"]] (owner:role:credit-risk protected_attributes:sex, age)",
            "system chat-bot [] in_scope=0 lifecycle=production name=Chat Bot aliases=[[\"Chat Bot\"]] ()",
        ],
    ),
    (
        "impact_assessments.csv",
        "System;Approved;Next review;Approved by;Model;Version\ncredit;31.03.2026;2027-03-31;A person;m;3\nfraud;no;2026-12-01;;;\n",
        &[
            "review impact_assessment/credit/2026-03-31 [credit] approved_at=1774915200 kind=impact_assessment next_due=20908 status=approved covers=[[\"m\",\"3\"]] (approved_by:A person)",
            "review impact_assessment/credit/2026-03-31/next [credit] due=20908 kind=impact_assessment status=planned (approved_by:A person)",
            "review impact_assessment/fraud/2026-12-01 [fraud] due=20788 kind=impact_assessment status=planned ()",
        ],
    ),
    (
        "audits.csv",
        "id,kind,area,planned,reported_on,status\n1,Internal,Clause 9,2026-05-01,2026-05-20,done\n2,stage 2,,2026-12-01,-,scheduled\n",
        &[
            "review internal_audit-1 [] approved_at=1779235200 due=20574 kind=internal_audit scope=Clause 9 status=performed ()",
            "review stage2_audit-2 [] due=20788 kind=stage2_audit status=planned ()",
        ],
    ),
    (
        "management_reviews.csv",
        "id,planned,held,signed\nMR-1,2026-03-31,2026-03-30,2026-12-24\n",
        &["review MR-1 [] completed_at=1774828800 due=20543 kind=management_review status=performed ()"],
    ),
    (
        "management_reviews.csv",
        "id,planned,held,signed,Chaired by,Participants,Pack digest\nMR-1,2026-03-31,2026-03-30,2026-03-31,CEO,\"CEO, Head of AI\",ab12\nMR-2,2026-06-30,,,-,,-\n",
        &[
            "review MR-1 [] approved_at=1774915200 completed_at=1774828800 due=20543 kind=management_review status=approved (attendees:CEO, Head of AI chair:CEO pack:ab12)",
            "review MR-2 [] due=20634 kind=management_review status=planned ()",
        ],
    ),
    (
        "suppliers.csv",
        "id,name,criticality,last_review,next_review\n1,Cloud Ltd,high,2026-01-10,2027-01-10\n",
        &[
            "review supplier_review-1 [] completed_at=1768003200 kind=supplier_review level=high next_due=20828 scope=Cloud Ltd status=performed ()",
            "review supplier_review-1/next [] due=20828 kind=supplier_review level=high scope=Cloud Ltd status=planned ()",
        ],
    ),
    (
        "documents.csv",
        "id,title,next_review,approved\nPOL-1,AI policy,2026-10-01,\n",
        &["review POL-1 [] due=20727 kind=document_review scope=POL-1 status=planned title=AI policy ()"],
    ),
    (
        "training.csv",
        "id,person,role,course,due,completed,expires\n4,N N,annotator,aims-101,2026-02-01,2026-01-31,2028-01-31\n",
        &[
            "review training-4 [] completed_at=1769817600 due=20485 kind=training next_due=21214 person=N N role=annotator scope=aims-101 status=performed ()",
            "review training-4/next [] due=21214 kind=training person=N N role=annotator scope=aims-101 status=planned ()",
        ],
    ),
    (
        "training.csv",
        "employee_no,job_role,course,due,completed\nE-1,annotator,aims-101,2026-12-01,\nE-2,annotator,aims-101,2026-12-01,\n",
        &[
            "review training/annotator/aims-101/E-1/2026-12-01 [] due=20788 kind=training person=E-1 role=annotator scope=aims-101 status=planned ()",
            "review training/annotator/aims-101/E-2/2026-12-01 [] due=20788 kind=training person=E-2 role=annotator scope=aims-101 status=planned ()",
        ],
    ),
    (
        "audits.csv",
        "id,kind,clauses,planned\nA-1,internal,\"Clauses 4-6, 7.5; 9 to 10, Annex A.6.2 and A.7\",2026-12-01\nA-2,internal,4.1-4.4 and Annex A,2026-12-01\nA-3,internal,-,2026-12-01\n",
        &[
            "review A-1 [] due=20788 kind=internal_audit requirements=4 5 6 7.5 9 10 A.6.2 A.7 status=planned ()",
            "review A-2 [] due=20788 kind=internal_audit requirements=4.1 4.4 A status=planned ()",
            "review A-3 [] due=20788 kind=internal_audit status=planned ()",
        ],
    ),
    (
        "review_inputs.csv",
        "section,statement,signed\n9.3.2 b),Nothing to report,2026-11-20\nd.1,See the list,\nE,,2026-11-19\n",
        &[
            "review review_input/b/2026-11-20 [] approved_at=1795132800 kind=review_input scope=b status=approved title=Nothing to report ()",
            "review review_input/d1 [] kind=review_input scope=d1 status=planned title=See the list ()",
            "review review_input/e/2026-11-19 [] approved_at=1795046400 kind=review_input scope=e status=approved ()",
        ],
    ),
    (
        "certificates.csv",
        "id,body,scope,status,next_surveillance_due,expiry\n1,CB,Everything,active,2027-02-01,2029-02-01\n",
        &[
            "review certificate-1/surveillance [] due=20850 kind=surveillance_audit scope=certificate-1 status=planned (body:CB scope:Everything)",
            "review certificate-1/recertification [] due=21581 kind=recertification scope=certificate-1 status=planned (body:CB scope:Everything)",
        ],
    ),
    // The first surveillance audit within twelve months of the decision, the next by the end of the calendar year; none that would come after
    // the certificate ended.
    (
        "certificates.csv",
        "id,decision_date,last_surveillance,next_surveillance_due,expiry\nA,2026-02-01,,2027-03-01,2029-01-31\nB,2024-02-29,,,2027-02-28\nC,2024-06-01,2025-05-01,,2027-05-31\nD,2024-06-01,2026-05-01,,2027-05-31\nE,2024-06-01,,2026-12-15,2027-05-31\n",
        &[
            "review A/surveillance [] due=20850 kind=surveillance_audit scope=A status=planned (decision_date:2026-02-01)",
            "review A/recertification [] due=21580 kind=recertification scope=A status=planned (decision_date:2026-02-01)",
            "review B/surveillance [] due=20147 kind=surveillance_audit scope=B status=planned (decision_date:2024-02-29)",
            "review B/recertification [] due=20877 kind=recertification scope=B status=planned (decision_date:2024-02-29)",
            "review C/surveillance [] due=20818 kind=surveillance_audit scope=C status=planned (decision_date:2024-06-01 last_surveillance:2025-05-01)",
            "review C/recertification [] due=20969 kind=recertification scope=C status=planned (decision_date:2024-06-01 last_surveillance:2025-05-01)",
            "review D/recertification [] due=20969 kind=recertification scope=D status=planned (decision_date:2024-06-01 last_surveillance:2026-05-01)",
            "review E/surveillance [] due=20802 kind=surveillance_audit scope=E status=planned (decision_date:2024-06-01)",
            "review E/recertification [] due=20969 kind=recertification scope=E status=planned (decision_date:2024-06-01)",
        ],
    ),
    (
        "nonconformities.csv",
        "id,system,severity,source,raised_at,closed,root_cause\n7,credit,major,internal_audit,2026-10-01,,\"no\nidea\"\n",
        &[
            "case nonconformity-7 [credit] grade=major is_open=1 kind=nonconformity opened_at=1790812800 origin=internal_audit severity=high severity_word=major (raised_at:2026-10-01 root_cause:no\nidea)",
        ],
    ),
    (
        "corrective_actions.csv",
        "id,nc,due,completed,verify_due\nCA-1,7,2026-11-01,2026-10-30,2026-12-30\n",
        &["case CA-1 [] due=20758 implemented_at=1793318400 is_open=1 kind=corrective_action parent=nonconformity-7 verify_due=20817 ()"],
    ),
    (
        "incidents.json",
        "[{\"id\":1,\"system\":\"credit\",\"priority\":\"P1\",\"detected\":\"2026-11-20T10:00:00Z\",\"reported\":\"2026-11-20T11:00:00Z\"}]",
        &[
            "case incident-1 [credit] is_open=1 kind=incident opened_at=1795168800 severity=critical severity_word=P1 (detected_at:2026-11-20T10:00:00Z priority:P1 reported_at:2026-11-20T11:00:00Z)",
        ],
    ),
    (
        "risks.csv",
        "id,level,next_review,residual\n1,high,2026-12-01,0.3\n2,low,2026-12-01,medium\n",
        &[
            "case risk-1 [] due=20788 is_open=1 kind=risk residual=0.3 severity=high severity_word=high ()",
            "case risk-2 [] due=20788 is_open=1 kind=risk severity=low severity_word=low (residual:medium)",
        ],
    ),
    (
        "review_actions.csv",
        "action,due,review,status\n1,2026-12-01,MR-1,Completed\n",
        &["case review_action-1 [] due=20788 is_open=0 kind=review_action parent=MR-1 status=done ()"],
    ),
    (
        "changes.csv",
        "id,system,type,significant,approved\n1,credit,major_version,yes,2026-01-01\n",
        &["case change-1 [credit] approved_at=1767225600 category=major_version is_open=1 kind=change significant=1 ()"],
    ),
    (
        "changes_2026.csv",
        "id,system,approved,model,version\n2,credit,2026-01-01,m,3; 4\n3,chat,,m,\n",
        &[
            "case change-2 [credit] approved_at=1767225600 is_open=1 kind=change covers=[[\"m\",\"3\"],[\"m\",\"4\"]] ()",
            "case change-3 [chat] is_open=1 kind=change (model:m)",
        ],
    ),
    (
        "improvement_proposals.csv",
        "no,title,proposed,status\n1,One register less,2026-01-01,turned down\n",
        &["case improvement-1 [] is_open=0 kind=improvement opened_at=1767225600 status=withdrawn title=One register less ()"],
    ),
    ("context.csv", "id,title,opened\n1,A new law,2026-01-01\n", &["case issue-1 [] is_open=1 kind=issue opened_at=1767225600 title=A new law ()"]),
    (
        "stakeholders.csv",
        "stakeholder,type,expectations,how addressed,reviewed\nApplicants,customer,to be told why,-,2026-01-01\n",
        &["party Applicants [] category=customer name=Applicants needs=to be told why reviewed_at=1767225600 ()"],
    ),
    (
        "review_decisions.csv",
        "no,decision,review,owner,due,decided,kind\n1,Retrain twice a year,3,role:ml-lead,2026-12-01,2026-01-01,Improvement\n",
        &[
            "decision decision-1 [] decided_at=1767225600 decided_on=improvement due=20788 owner_role=ml-lead review=management_review-3 title=Retrain twice a year ()",
        ],
    ),
    (
        "acceptances.csv",
        "system,indicator,labels,by,reason,until\ncredit,drift_psi,feature=income; model=a b,role:CRO,under way,2026-12-01\n",
        &[
            "acceptance acceptance/credit/drift_psi/\"feature\":\"income\",\"model\":\"a b\"/2026-12-01 [credit] accepted_by=CRO accepted_until=20788 indicator=drift_psi reason=under way labels=[[\"\\\"feature\\\":\\\"income\\\"\"],[\"\\\"model\\\":\\\"a b\\\"\"]] ()",
        ],
    ),
    (
        "event_logs.csv",
        "system,log,last received,retention,max silence\ncredit,decisions,2026-01-01T08:00:00Z,6 months,7d\nchat,,,400,\nchat,raw,no,1y,\n",
        &[
            "event_log log/credit/decisions [credit] last_received_at=1767254400 max_silence_seconds=604800 name=decisions retention_days=186 ()",
            "event_log log/chat [chat] retention_days=400 ()",
            "event_log log/chat/raw [chat] name=raw retention_days=366 ()",
        ],
    ),
    (
        "document_register.csv",
        "system,document,approved,covers\ncredit,model card,2026-01-01,m:3\nchat,instructions for use,2026-01-01,\n",
        &[
            "review document_review/credit/model card/2026-01-01 [credit] approved_at=1767225600 kind=document_review scope=model card status=approved covers=[[\"m\",\"3\"]] ()",
            "review document_review/chat/instructions for use/2026-01-01 [chat] approved_at=1767225600 kind=document_review scope=instructions for use status=approved ()",
        ],
    ),
    (
        "soa.csv",
        "no;title;applicable;justification;status;evidence_date\nA.2.2;AI policy;yes;needed;Fully implemented;2026-01-02\nA.10.4;Customers;no;none;;\n",
        &[
            "control A.2.2 [] applicable=1 control=A.2.2 evidence_at=1767312000 justification=needed status=implemented (title:AI policy)",
            "control A.10.4 [] applicable=0 control=A.10.4 (title:Customers)",
        ],
    ),
    (
        "objectives.yaml",
        "- {id: OBJ-1, title: x, theme: use, target: 0.95, value: 0.97, direction: higher, due: 2026-12-31, planned: 0.9}\n",
        &["objective OBJ-1 [] direction=higher due=20818 planned=0.9 target=0.95 theme=use title=x value=0.97 ()"],
    ),
    (
        "datasets.yaml",
        "- {id: d1, systems: [a, b], source_recorded: 2026-01-01}\n",
        &["dataset d1 [] source_recorded_at=1767225600 systems=[[\"a\"],[\"b\"]] ()"],
    ),
    (
        "plan.yaml",
        "- id: MP-014\n  what: drift\n  indicator: drift_psi\n  selector: {model: credit-score, feature: '*'}\n  method: PSI\n  measure_every: 1d\n  max_age: 2d\n  analyse_every: 1M\n  analysed_by: role:ml-risk\n  last_analysed: {at: 2026-10-30T09:00:00Z, by: role:ml-risk}\n  thresholds: {warning: 0.1}\n",
        &[
            "plan_entry MP-014 [] analyse_every_seconds=2678400 analysed_by=ml-risk analysis_due=20787 indicator=drift_psi last_analysed_at=1793350800 max_age_seconds=172800 measure_every_seconds=86400 selector={\"feature\":\"*\",\"model\":\"credit-score\"} technique=PSI warning=0.1 what=drift (thresholds:{\"warning\":0.1})",
        ],
    ),
    (
        "reviews.csv",
        "kind,system,due,covers\nBias test,credit,2026-12-01,m:3; m:4\n",
        &["review bias_test/credit/2026-12-01 [credit] due=20788 kind=bias_test status=planned covers=[[\"m\",\"3\"],[\"m\",\"4\"]] ()"],
    ),
    ("cases.csv", "id,kind,opened\nx,Review action,2026-01-01\n", &["case x [] is_open=1 kind=review_action opened_at=1767225600 ()"]),
    (
        "systems.csv",
        "ID;Name;Owner;In scope;AKA\ncredit;Credit;A person;x;\n",
        &["system credit [] in_scope=1 lifecycle=production name=Credit (owner:A person)"],
    ),
    (
        "incidents.csv",
        "id,opened_at,severity\n1,2026-01-01,spicy\n",
        &["case incident-1 [] is_open=1 kind=incident opened_at=1767225600 severity=high severity_word=spicy ()"],
    ),
    (
        "risks.csv",
        "risk_id,level,next_review,accepted_until,residual\nR-1,critical,31.1.2027,1.12.2026,NaN\n",
        &["case R-1 [] accepted_until=20788 due=20849 is_open=1 kind=risk severity=critical severity_word=critical ()"],
    ),
    ("datasets.csv", "name,used_by,source_recorded\ntrain,a; b,no\n", &["dataset train [] name=train systems=[[\"a\"],[\"b\"]] ()"]),
];

/// Files that are refused, and why.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "certificates.yaml",
        "- {id: C-1, status: withdrawn, expiry: 2029-01-31}\n- {body: CB, expiry: 2029-01-31}\n",
        "certificates.yaml line 2: id: nothing; expected the certificate's number",
    ),
    (
        "impact_assessments.csv",
        "system,next_review,approved\ncredit,31/03/2026,\n",
        "impact_assessments.csv row 2: review.due: a text of 10 characters; expected a day such as 2026-03-31",
    ),
    (
        "impact_assessments.csv",
        "system,next_review,approved\ncredit,2026-03-31,yes\n",
        "impact_assessments.csv row 2: review.approved_at: a text of 3 characters; expected a time such as 2026-03-31T14:00:00Z, a day, or epoch seconds since 2000",
    ),
    (
        "impact_assessments.csv",
        "system,review_date\ncredit,2026-03-31\n",
        "impact_assessments.csv row 1: no column for `due or next_due`; expected a column due, due_date, due_on, due_by, ..., next_due, next_due_date, next_due_on, next, ...; for a header of your own write `columns`: { impact_assessments: { <header>: <field> } }; if this row is not the header, `header_row`: { impact_assessments: <number> }",
    ),
    (
        "corrective_actions.csv",
        "id,owner\n1,x\n",
        "corrective_actions.csv row 1: no column for `due`; expected a column due, due_date, due_on, due_by, ...; for a header of your own write `columns`: { corrective_actions: { <header>: <field> } }; if this row is not the header, `header_row`: { corrective_actions: <number> }",
    ),
    ("reviews.csv", "kind,due\n,2026-01-01\n", "reviews.csv row 2: kind: nothing; expected what is reviewed, such as impact_assessment or internal_audit"),
    (
        "reviews.csv",
        "kind,due\nparty,2026-01-01\n",
        "reviews.csv row 2: review.kind: a text of 5 characters; expected one of impact_assessment, risk_assessment, bias_test, internal_audit, external_audit, management_review, supplier_review, document_review, training, validation, stage1_audit, stage2_audit, surveillance_audit, recertification, obligation, review_input",
    ),
    (
        "audits.csv",
        "kind,planned\nwild,2026-01-01\n",
        "audits.csv row 2: review.kind: a text of 4 characters; expected one of impact_assessment, risk_assessment, bias_test, internal_audit, external_audit, management_review, supplier_review, document_review, training, validation, stage1_audit, stage2_audit, surveillance_audit, recertification, obligation, review_input",
    ),
    ("review_inputs.csv", "section,signed\nf,2026-11-20\n", "review_inputs.csv row 2: scope: expected a section of 9.3.2: a, b, c, d1, d2, d3 or e"),
    (
        "audits.csv",
        "kind,planned,clauses\ninternal,2026-01-01,everything\n",
        "audits.csv row 2: requirements: expected clauses and controls such as 9.2 or A.6.2",
    ),
    ("bias_tests.csv", "system,due,covers\na,2026-01-01,model 3\n", "bias_tests.csv row 2: covers: expected model:version, several with `;` between them"),
    ("plan.csv", "id,what,measure_every\n1,x,often\n", "plan.csv row 2: expected a duration such as 6h, 1d, 1w, 1M or weekly"),
    (
        "incidents.csv",
        "id,opened_at,due\n1,tomorrow,\n",
        "incidents.csv row 2: case.opened_at: a text of 8 characters; expected a time such as 2026-03-31T14:00:00Z, a day, or epoch seconds since 2000",
    ),
    ("cases.csv", "id,kind,due\nC-1,,2026-01-01\n", "cases.csv row 2: kind: nothing; expected what it is, such as incident or nonconformity"),
    (
        "changes.csv",
        "id,aproved_at\n1,2026-01-01\n",
        "changes.csv row 1: the header in column B, `aproved_at`; expected `approved_at`, or a line in `columns` that says where it goes: { changes: { aproved_at: approved_at } }",
    ),
    ("objectives.csv", "id,target\n1,95 %\n", "objectives.csv row 2: objective.target: a text of 4 characters; expected a number"),
    (
        "soa.csv",
        "id,applicable,justification,status\nA.2.2,Applicable,-,In progress\nA.2.3,maybe,,\n",
        "soa.csv row 3: control.applicable: a text of 5 characters; expected yes or no",
    ),
];

#[test]
fn rows_become_records() {
    let register = connector(REGISTER);
    for (name, content, expected) in ADMITTED {
        let records = read(&register, &[(name, content)], &OwnColumns::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(records.iter().map(short).collect::<Vec<_>>(), *expected, "{name}\n{content}");
    }
}

#[test]
fn rows_that_say_nothing_certain_are_refused() {
    let register = connector(REGISTER);
    for (name, content, message) in REFUSED {
        let error = read(&register, &[(name, content)], &OwnColumns::new()).unwrap_err();
        assert_eq!(error, *message, "{name}\n{content}");
    }
}

#[test]
fn headers_of_ones_own_are_told_in_the_source() {
    let own = OwnColumns::from([(
        "impact_assessments".to_owned(),
        [("Fällig am", "due"), ("KI-System", "system")].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
    )]);
    let records = read(&connector(REGISTER), &[("Impact assessments.csv", "\u{feff}KI-System;Fällig am;Notiz\r\ncredit;31.03.2027;x\r\n")], &own).unwrap();
    assert_eq!(
        records.iter().map(short).collect::<Vec<_>>(),
        ["review impact_assessment/credit/2027-03-31 [credit] due=20908 kind=impact_assessment status=planned (notiz:x)"]
    );
}

#[test]
fn records_pass_unchanged() {
    let lines = "{\"record\": \"measurement\", \"id\": \"m\", \"system\": \"credit\", \"family\": \"drift\", \"method\": \"psi\", \"value\": 0.07, \"attributes\": {\"Window Id\": \"w\"}}\n";
    let sheet = "record,id,family,method,value\nmeasurement,n,bias,disparate_impact_ratio,0.9\n";
    let records = read(&connector(RECORDS), &[("any name.ndjson", lines), ("other.csv", sheet)], &OwnColumns::new()).unwrap();
    assert_eq!(
        records.iter().map(short).collect::<Vec<_>>(),
        [
            "measurement m [credit] adjusted=0 family=drift kind=statistic method=psi value=0.07 (Window Id:w)",
            "measurement n [] adjusted=0 family=bias kind=statistic method=disparate_impact_ratio value=0.9 ()",
        ]
    );
    let error = read(&connector(RECORDS), &[("x.ndjson", "{\"record\": \"measurement\", \"id\": 1, \"metod\": 2}\n")], &OwnColumns::new()).unwrap_err();
    assert!(error.starts_with("x.ndjson line 1: measurement.metod: an unknown field; expected one of model, "), "{error}");
}
