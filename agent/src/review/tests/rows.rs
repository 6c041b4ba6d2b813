//! What every table says of sample records: known answers, one for each query in `config/review/`.

use super::*;
use crate::review::sections::sections;

/// What was known before the quarter began.
fn before() -> Vec<Value> {
    vec![
        system("credit"),
        json!({ "record": "system", "id": "chat", "name": "Chat", "risk_tier": "limited", "lifecycle": "development" }),
        json!({ "record": "system", "id": "old", "name": "Old" }),
        json!({ "record": "control", "id": "A.2.2", "control": "A.2.2", "applicable": true, "justification": "R-1", "status": "planned" }),
        json!({ "record": "control", "id": "A.9.4", "control": "A.9.4", "applicable": true, "justification": "R-2", "status": "implemented" }),
        json!({ "record": "case", "id": "I-1", "kind": "incident", "system": "credit", "severity": "high", "opened_at": moment("2026-05-10T08:00:00Z"), "closed_at": moment("2026-05-10T18:00:00Z") }),
        json!({ "record": "objective", "id": "O-1", "title": "Complete files", "theme": "files", "baseline": 0.5, "target": 0.9, "planned": 0.7, "value": 0.8 }),
        json!({ "record": "case", "id": "R-1", "kind": "risk", "system": "credit", "severity": "high", "residual": 4, "tolerance": 5 }),
    ]
}

/// And at its end.
fn after() -> Vec<Value> {
    let at = moment;
    vec![
        system("credit"),
        json!({ "record": "system", "id": "chat", "name": "Chat", "risk_tier": "limited", "lifecycle": "production" }),
        json!({ "record": "system", "id": "new", "name": "New" }),
        // Actions of reviews: late, in time, done in the quarter, done before it.
        json!({ "record": "case", "id": "MA-1", "kind": "review_action", "title": "Late", "parent": "MR-1", "opened_at": at("2026-04-01T08:00:00Z"), "due": "2026-09-30", "status": "open", "attributes": { "owner": "Quality" } }),
        json!({ "record": "case", "id": "MA-2", "kind": "review_action", "title": "In time", "parent": "MR-1", "opened_at": at("2026-04-01T08:00:00Z"), "due": "2026-10-01", "status": "open" }),
        json!({ "record": "case", "id": "MA-3", "kind": "review_action", "title": "Done", "parent": "MR-1", "opened_at": at("2026-04-01T08:00:00Z"), "due": "2026-08-01", "closed_at": at("2026-07-31T08:00:00Z"), "category": "Improvement" }),
        json!({ "record": "case", "id": "MA-4", "kind": "review_action", "title": "Long ago", "parent": "MR-0", "opened_at": at("2026-01-01T08:00:00Z"), "closed_at": at("2026-03-01T08:00:00Z") }),
        // What was signed for inputs: b in the quarter, c before it, e rejected.
        json!({ "record": "review", "id": "b", "kind": "review_input", "scope": "b", "title": "New guidance", "approved_at": at("2026-09-20T08:00:00Z"), "status": "approved" }),
        json!({ "record": "review", "id": "c", "kind": "review_input", "scope": "c", "title": "Nothing", "approved_at": at("2026-06-30T08:00:00Z"), "status": "approved" }),
        json!({ "record": "review", "id": "e", "kind": "review_input", "scope": "e", "title": "No", "approved_at": at("2026-09-20T08:00:00Z"), "status": "rejected" }),
        json!({ "record": "case", "id": "IS-1", "kind": "issue", "title": "A new law", "category": "external", "opened_at": at("2026-08-05T08:00:00Z"), "status": "open" }),
        json!({ "record": "case", "id": "IS-2", "kind": "issue", "title": "Past", "opened_at": at("2026-01-05T08:00:00Z"), "closed_at": at("2026-02-05T08:00:00Z") }),
        json!({ "record": "case", "id": "IM-1", "kind": "improvement", "title": "One register less", "opened_at": at("2026-08-06T08:00:00Z"), "status": "open" }),
        json!({ "record": "party", "id": "P-1", "name": "Applicants", "needs": "to be told why" }),
        json!({ "record": "decision", "id": "DE-1", "review": "MR-1", "title": "Retrain", "decided_on": "improvement", "owner_role": "ML lead", "decided_at": at("2026-07-14T08:00:00Z"), "due": "2026-09-29" }),
        json!({ "record": "decision", "id": "DE-2", "title": "Done long ago", "decided_at": at("2026-01-14T08:00:00Z"), "done_at": at("2026-02-14T08:00:00Z") }),
        json!({ "record": "acceptance", "id": "AC-1", "system": "credit", "indicator": "drift_psi", "labels": [{ "label_text": "\"feature\":\"a\"" }, { "label_text": "\"model\":\"m\"" }], "accepted_by": "CRO", "reason": "known", "accepted_until": "2026-09-15" }),
        json!({ "record": "acceptance", "id": "AC-2", "indicator": "incidents_open", "accepted_by": "CRO", "reason": "known", "accepted_until": "2026-06-15" }),
        json!({ "record": "case", "id": "CH-1", "kind": "change", "system": "credit", "title": "New model", "significant": true, "opened_at": at("2026-09-01T08:00:00Z"), "status": "open" }),
        json!({ "record": "case", "id": "CH-2", "kind": "change", "system": "credit", "title": "Tuning", "significant": false, "opened_at": at("2026-02-01T08:00:00Z"), "approved_at": at("2026-02-02T08:00:00Z"), "closed_at": at("2026-02-03T08:00:00Z") }),
        json!({ "record": "model_version", "id": "m:2", "system": "credit", "model": "m", "version": "2", "in_production": true, "promoted_at": at("2026-08-01T10:00:00Z") }),
        json!({ "record": "model_version", "id": "m:1", "system": "credit", "model": "m", "version": "1", "promoted_at": at("2026-06-01T10:00:00Z") }),
        json!({ "record": "review", "id": "D-1", "kind": "document_review", "scope": "ai-policy", "title": "Policy", "due": "2026-09-29" }),
        json!({ "record": "review", "id": "D-2", "kind": "document_review", "scope": "manual", "system": "credit", "due": "2026-09-29" }),
        json!({ "record": "case", "id": "C-1", "kind": "concern", "system": "credit", "title": "Unfair", "category": "external", "opened_at": at("2026-07-01T00:00:00Z"), "status": "open" }),
        json!({ "record": "case", "id": "C-2", "kind": "concern", "title": "Noise", "category": "internal", "opened_at": at("2026-06-30T23:59:59Z"), "triaged_at": at("2026-07-02T00:00:00Z"), "closed_at": at("2026-09-30T22:00:00Z") }),
        // Nonconformities: a repeat, one found late, with actions.
        json!({ "record": "case", "id": "NC-1", "kind": "nonconformity", "system": "credit", "title": "No criteria", "severity": "minor", "origin": "internal_audit", "category": "Criteria", "opened_at": at("2026-03-10T08:00:00Z"), "closed_at": at("2026-04-10T08:00:00Z") }),
        json!({ "record": "case", "id": "NC-2", "kind": "nonconformity", "system": "credit", "title": "Again", "severity": "major", "origin": "internal_audit", "category": "criteria ", "opened_at": at("2026-07-10T08:00:00Z"), "status": "open" }),
        json!({ "record": "case", "id": "CA-1", "kind": "corrective_action", "parent": "NC-2", "title": "Write them", "opened_at": at("2026-07-11T08:00:00Z"), "due": "2026-08-10", "status": "open" }),
        json!({ "record": "case", "id": "CA-2", "kind": "corrective_action", "parent": "NC-1", "title": "Teach", "opened_at": at("2026-03-11T08:00:00Z"), "due": "2026-04-10", "implemented_at": at("2026-04-01T08:00:00Z"), "verify_due": "2026-06-01", "status": "open" }),
        json!({ "record": "plan_entry", "id": "MP-1", "what": "Drift", "indicator": "drift_psi", "system": "credit", "technique": "PSI", "measure_every_seconds": 86400, "analyse_every_seconds": 2_592_000, "last_analysed_at": at("2026-08-01T09:00:00Z") }),
        json!({ "record": "plan_entry", "id": "MP-2", "what": "Incidents", "indicator": "incidents_open", "analyse_every_seconds": 7_776_000, "last_analysed_at": at("2026-09-20T09:00:00Z") }),
        json!({ "record": "review", "id": "A-1", "kind": "internal_audit", "scope": "life cycle", "requirements": "8 A.6", "due": "2026-07-15", "completed_at": at("2026-07-15T10:00:00Z"), "approved_at": at("2026-07-20T10:00:00Z"), "status": "reported" }),
        json!({ "record": "review", "id": "A-2", "kind": "internal_audit", "scope": "data", "due": "2026-09-01" }),
        json!({ "record": "objective", "id": "O-1", "title": "Complete files", "theme": "files", "baseline": 0.5, "target": 0.9, "planned": 0.8, "value": 0.75 }),
        json!({ "record": "case", "id": "R-1", "kind": "risk", "system": "credit", "severity": "high", "residual": 6, "tolerance": 5 }),
        json!({ "record": "case", "id": "R-2", "kind": "risk", "severity": "low", "residual": 9, "tolerance": 5, "accepted_until": "2026-10-01" }),
        json!({ "record": "case", "id": "R-3", "kind": "risk", "severity": "low", "residual": 3 }),
        json!({ "record": "case", "id": "T-1", "kind": "risk_treatment", "parent": "R-1", "title": "Leave it out", "due": "2026-09-01", "status": "open" }),
        json!({ "record": "review", "id": "IA-1", "kind": "impact_assessment", "system": "credit", "due": "2026-08-01", "completed_at": at("2026-07-25T10:00:00Z"), "approved_at": at("2026-07-28T10:00:00Z"), "status": "approved" }),
        json!({ "record": "review", "id": "IA-2", "kind": "impact_assessment", "system": "chat", "due": "2026-09-15", "status": "draft" }),
        json!({ "record": "control", "id": "A.2.2", "control": "A.2.2", "applicable": true, "justification": "R-1", "status": "implemented", "evidence_until": "2026-09-30" }),
        json!({ "record": "control", "id": "A.10.3", "control": "A.10.3", "applicable": false }),
        json!({ "record": "review", "id": "TR-1", "kind": "training", "scope": "AI literacy", "person": "E-1", "due": "2026-08-01", "completed_at": at("2026-08-01T10:00:00Z") }),
        json!({ "record": "review", "id": "TR-2", "kind": "training", "scope": "AI literacy", "person": "E-2", "due": "2026-08-01" }),
        // An incident of the quarter before that is known only now, and one of this quarter that took 10 hours.
        json!({ "record": "case", "id": "I-1", "kind": "incident", "system": "credit", "severity": "high", "opened_at": at("2026-05-10T08:00:00Z"), "closed_at": at("2026-05-11T08:00:00Z") }),
        json!({ "record": "case", "id": "I-2", "kind": "incident", "system": "credit", "severity": "high", "opened_at": at("2026-06-20T08:00:00Z"), "closed_at": at("2026-07-20T08:00:00Z") }),
        json!({ "record": "case", "id": "I-3", "kind": "incident", "system": "chat", "severity": "critical", "opened_at": at("2026-09-01T08:00:00Z"), "closed_at": at("2026-09-01T18:00:00Z"), "notify_by": at("2026-09-02T08:00:00Z"), "notified_at": at("2026-09-03T08:00:00Z") }),
        json!({ "record": "review", "id": "S-1", "kind": "supplier_review", "scope": "labels", "title": "Labels Ltd", "level": "high", "due": "2026-09-10" }),
        json!({ "record": "review", "id": "OB-1", "kind": "obligation", "scope": "Art. 50", "title": "Transparency", "due": "2026-08-02" }),
        json!({ "record": "review", "id": "OB-2", "kind": "obligation", "scope": "Annex III", "title": "High risk", "due": "2027-12-02" }),
        json!({ "record": "review", "id": "MR-1", "kind": "management_review", "title": "Q2", "due": "2026-07-10", "completed_at": at("2026-07-09T10:00:00Z"), "approved_at": at("2026-07-14T10:00:00Z"), "status": "approved", "next_due": "2026-10-10" }),
    ]
}

fn bench() -> Bench {
    let mut bench = Bench::new("2026-06-01T00:00:00Z");
    let source = json!({ "name": "registers", "connector": "register", "kind": "register_file", "interval_seconds": 300, "stale_after": { "seconds": 3600 } });
    bench.configuration(&json!({ "digest": "c1", "organisation": "Example Ltd", "sources": [source] }), "2026-06-01T00:00:01Z");
    bench.records("registers", &before(), "2026-06-01T00:01:00Z");
    bench.records("registers", &after(), "2026-09-30T23:00:00Z");
    bench.reading("drift_psi", &json!({ "system": "credit", "feature": "age" }), Some(("unknown", 0.0, "too few rows")), "2026-09-30T23:00:01Z");
    bench.reading("incidents_open", &json!({ "system": "credit" }), Some(("ok", 0.0, "")), "2026-09-30T23:00:02Z");
    // The next quarter has begun: nothing of this is in the pack.
    bench.records("registers", &[system("later")], "2026-10-01T00:00:00Z");
    bench.goes_on("2026-10-02T00:00:00Z");
    bench
}

/// Every table: its rows as its file has them, without the header.
#[rustfmt::skip]
const EXPECTED: &[(&str, &[&str])] = &[
    ("actions", &[
    "registers,MA-1,Late,MR-1,Quality,2026-04-01,2026-09-30,open,1,1,1,,",
    "registers,MA-2,In time,MR-1,,2026-04-01,2026-10-01,open,1,0,,,",
    "registers,MA-3,Done,MR-1,,2026-04-01,2026-08-01,,0,0,,2026-07-31,",
]),
    ("statement-b", &[
    "registers,b,New guidance,approved,2026-09-20",
]),
    ("inventory", &[
    "changed,chat,Chat,,,limited,production,,1,,chat,Chat,,,limited,development,,1,",
    "same,credit,CREDIT,Head,,high,production,,1,,,,,,,,,,",
    "new,new,New,,,,production,,1,,,,,,,,,,",
    "gone,old,Old,,,,production,,1,,,,,,,,,,",
]),
    ("changes", &[
    "registers,CH-1,credit,New model,1,open,1,2026-09-01,,,1,",
]),
    ("models", &[
    "registers,m:2,credit,m,2,model,2026-08-01T10:00:00Z,1,",
]),
    ("documents", &[
    "new,registers,D-1,ai-policy,Policy,planned,,,2026-09-29,1,,,,,,,,,",
]),
    ("statement-c", &[]),
    ("concerns-by-channel", &[
    "2026-07-01,customer,0,0,0",
    "2026-07-01,external,1,0,1",
    "2026-07-01,internal,0,1,0",
    "2026-07-01,other,0,0,0",
    "2026-04-01,customer,0,0,0",
    "2026-04-01,external,0,0,0",
    "2026-04-01,internal,1,0,1",
    "2026-04-01,other,0,0,0",
    "2026-01-01,customer,0,0,0",
    "2026-01-01,external,0,0,0",
    "2026-01-01,internal,0,0,0",
    "2026-01-01,other,0,0,0",
    "2025-10-01,customer,0,0,0",
    "2025-10-01,external,0,0,0",
    "2025-10-01,internal,0,0,0",
    "2025-10-01,other,0,0,0",
    "2025-07-01,customer,0,0,0",
    "2025-07-01,external,0,0,0",
    "2025-07-01,internal,0,0,0",
    "2025-07-01,other,0,0,0",
]),
    ("concerns", &[
    "registers,C-1,credit,Unfair,external,2026-07-01,,1,1,,",
    "registers,C-2,,Noise,internal,2026-06-30,2026-07-02T00:00:00Z,0,0,2026-09-30,",
]),
    ("nonconformities-by-period", &[
    "2026-07-01,nonconformity,major,1,0,1",
    "2026-07-01,nonconformity,minor,0,0,0",
    "2026-07-01,corrective_action,-,1,0,2",
    "2026-04-01,nonconformity,major,0,0,0",
    "2026-04-01,nonconformity,minor,0,1,0",
    "2026-04-01,corrective_action,-,0,0,1",
    "2026-01-01,nonconformity,major,0,0,0",
    "2026-01-01,nonconformity,minor,1,0,1",
    "2026-01-01,corrective_action,-,1,0,1",
    "2025-10-01,nonconformity,major,0,0,0",
    "2025-10-01,nonconformity,minor,0,0,0",
    "2025-10-01,corrective_action,-,0,0,0",
    "2025-07-01,nonconformity,major,0,0,0",
    "2025-07-01,nonconformity,minor,0,0,0",
    "2025-07-01,corrective_action,-,0,0,0",
]),
    ("nonconformities", &[
    "registers,NC-2,credit,Again,major,high,internal_audit,criteria,2026-07-10,83,1,,",
]),
    ("corrective-actions", &[
    "registers,CA-2,NC-1,,Teach,2026-03-11,2026-04-10,2026-04-01,2026-06-01,,1,0,1,,",
    "registers,CA-1,NC-2,,Write them,2026-07-11,2026-08-10,,,,1,1,0,,",
]),
    ("repeats", &[
    "criteria,1,2,1",
]),
    ("plan", &[
    "registers,MP-1,Drift,drift_psi,credit,PSI,86400,2026-08-01T09:00:00Z,2026-08-31,1,0,1,1",
    "registers,MP-2,Incidents,incidents_open,,,,2026-09-20T09:00:00Z,2026-12-19,0,1,0,0",
]),
    ("sources", &[
    "registers,register,register_file,300,2026-09-30T23:00:00Z,0",
]),
    ("audits", &[
    "registers,A-2,internal_audit,data,,planned,2026-09-01,,,1",
    "registers,A-1,internal_audit,life cycle,8 A.6,reported,2026-07-15,2026-07-15,2026-07-20,0",
]),
    ("findings", &[
    "internal_audit,major,1,1",
]),
    ("statement-e", &[]),
    ("issues", &[
    "registers,IS-1,A new law,external,open,1,2026-08-05,,",
]),
    ("parties", &[
    "new,registers,P-1,Applicants,,to be told why,,1,,,,,,,,,",
]),
    ("acceptances", &[
    "registers,AC-1,drift_psi,credit,\"\"\"feature\"\":\"\"a\"\", \"\"model\"\":\"\"m\"\"\",CRO,known,,2026-09-15,1",
]),
    ("decisions", &[
    "registers,DE-1,MR-1,Retrain,improvement,,ML lead,,2026-07-14,2026-09-29,,1",
]),
    ("improvements", &[
    "registers,IM-1,,One register less,,,open,1,,",
    "registers,MA-3,,Done,,,,0,2026-08-01,",
]),
    ("objectives", &[
    "changed,registers,O-1,Complete files,files,,0.5,0.8,0.9,0.75,,1,registers,O-1,Complete files,files,,0.5,0.7,0.9,0.8,,0",
]),
    ("risks-by-level", &[
    "high,1,0,1,0",
    "low,2,1,0,0",
]),
    ("risks", &[
    "changed,registers,R-1,credit,,high,6,5,,1,,registers,R-1,credit,,high,4,5,,0,",
    "new,registers,R-2,,,low,9,5,2026-10-01,0,,,,,,,,,,,",
    "new,registers,R-3,,,low,3,,,,,,,,,,,,,,",
]),
    ("treatments", &[
    "registers,T-1,R-1,Leave it out,2026-09-01,,1,1,,",
]),
    ("impact-assessments", &[
    "registers,IA-2,chat,,draft,2026-09-15,,,0,1",
    "registers,IA-1,credit,,approved,2026-08-01,2026-07-25,2026-07-28,1,0",
]),
    ("never-assessed", &[
    "chat,Chat,limited,production,",
    "new,New,,production,",
]),
    ("soa-summary", &[
    "excluded,1,1,0",
    "implemented,1,0,1",
]),
    ("soa", &[
    "new,registers,A.10.3,0,,,,,,,,,,,,,",
    "changed,registers,A.2.2,1,R-1,implemented,,2026-09-30,,registers,A.2.2,1,R-1,planned,,,",
    "gone,registers,A.9.4,1,R-2,implemented,,,,,,,,,,,",
]),
    ("training", &[
    "AI literacy,1,1,1",
]),
    ("incidents-by-period", &[
    "2026-07-01,critical,1,1,0,36000",
    "2026-07-01,high,0,1,0,2592000",
    "2026-07-01,medium,0,0,0,",
    "2026-07-01,low,0,0,0,",
    "2026-07-01,unrated,0,0,0,",
    "2026-04-01,critical,0,0,0,",
    "2026-04-01,high,2,1,1,86400",
    "2026-04-01,medium,0,0,0,",
    "2026-04-01,low,0,0,0,",
    "2026-04-01,unrated,0,0,0,",
    "2026-01-01,critical,0,0,0,",
    "2026-01-01,high,0,0,0,",
    "2026-01-01,medium,0,0,0,",
    "2026-01-01,low,0,0,0,",
    "2026-01-01,unrated,0,0,0,",
    "2025-10-01,critical,0,0,0,",
    "2025-10-01,high,0,0,0,",
    "2025-10-01,medium,0,0,0,",
    "2025-10-01,low,0,0,0,",
    "2025-10-01,unrated,0,0,0,",
    "2025-07-01,critical,0,0,0,",
    "2025-07-01,high,0,0,0,",
    "2025-07-01,medium,0,0,0,",
    "2025-07-01,low,0,0,0,",
    "2025-07-01,unrated,0,0,0,",
]),
    ("incidents", &[
    "registers,I-3,chat,,critical,2026-09-01T08:00:00Z,2026-09-02T08:00:00Z,2026-09-03T08:00:00Z,1,0,2026-09-01T18:00:00Z,",
    "registers,I-2,credit,,high,2026-06-20T08:00:00Z,,,,0,2026-07-20T08:00:00Z,",
]),
    ("suppliers", &[
    "registers,S-1,labels,Labels Ltd,high,2026-09-10,,0,1",
]),
    ("obligations", &[
    "registers,OB-1,Art. 50,Transparency,,2026-08-02,-60,0,1",
]),
    ("reviews-held", &[
    "registers,MR-1/next,Q2,planned,2026-10-10,,,,,,,,0",
    "registers,MR-1,Q2,approved,2026-07-10,2026-07-09,2026-07-14,,,,it names no pack,0,0",
]),
    ("late-cases", &[
    "new,registers,CH-2,change,2026-02-01,2026-02-03,,,,,",
    "new,registers,C-2,concern,2026-06-30,,,,,,",
    "new,registers,CA-2,corrective_action,2026-03-11,,,,,,",
    "changed,registers,I-1,incident,2026-05-10,2026-05-11,registers,I-1,incident,2026-05-10,2026-05-10",
    "new,registers,I-2,incident,2026-06-20,,,,,,",
    "new,registers,IS-2,issue,2026-01-05,2026-02-05,,,,,",
    "new,registers,NC-1,nonconformity,2026-03-10,2026-04-10,,,,,",
    "new,registers,MA-1,review_action,2026-04-01,,,,,,",
    "new,registers,MA-2,review_action,2026-04-01,,,,,,",
    "new,registers,MA-3,review_action,2026-04-01,,,,,,",
    "new,registers,MA-4,review_action,2026-01-01,2026-03-01,,,,,",
]),
    ("late-reviews", &[
    "new,registers,c,review_input,c,,2026-06-30,,,,,,",
]),
    ("late-decisions", &[
    "new,registers,DE-2,Done long ago,2026-01-14,2026-02-14,,,,,",
]),
];

#[test]
fn every_table_says_what_is_known_of_sample_records() {
    let bench = bench();
    bench.make("2026-Q3", "pack").unwrap_or_else(|error| panic!("{:#}", anyhow::Error::new(error)));
    let mut wrong = String::new();
    for table in sections().iter().flat_map(|section| &section.tables) {
        let text = fs::read_to_string(bench.path("pack/csv").join(format!("{}.csv", table.id))).unwrap();
        let found: Vec<_> = text.lines().skip(1).collect();
        let expected = EXPECTED.iter().find(|(id, _)| *id == table.id).map(|(_, rows)| *rows);
        if expected != Some(found.as_slice()) {
            wrong.push_str(&format!("    (\"{}\", &{found:#?}),\n", table.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(EXPECTED.iter().all(|(id, _)| sections().iter().any(|section| section.tables.iter().any(|table| table.id == *id))));
}
