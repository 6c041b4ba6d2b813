# Definitions that connectors share. A connector that mentions one gets it, with those that it needs, before its own `defs`; one that defines the same
# name with as many parameters has its own. They are part of its method: its digest covers those that it uses.
#
# A definition begins in the first column, and uses only those that stand before it. `agent/src/connector/library/tests.rs` shows each at work.
#
# Field names, labels and settings are compared without regard to case, blanks, hyphens and underscores (ruling 10).

# ---- What must be there. A field that was renamed must not let a row drop out, or count for less, without a word.

# What is there; `$what` says for people what is missing.
def must($what): if . == null then error("\($what) is missing") else . end;

# The field of an object that must be a text; one that must be true or false; one that must be a number.
def text($name): .[$name] | if type == "string" then . else error("\($name) is no text") end;
def flag($name): .[$name] | if type == "boolean" then . else error("\($name) is neither true nor false") end;
def number($name): .[$name] | if type == "number" then . else error("\($name) is no number") end;

# The items of a list that must be there; of a field that upstreams leave out when it is empty, and never send as null.
def listed($what): if type == "array" then .[] else error("\($what) that are no list") end;
def list($name): if has($name) then .[$name] | if type == "array" then .[] else error("\($name) is no list") end else empty end;

# An object that must have a name.
def named($what): if .name | type == "string" then . else error("a \($what) without its name") end;

# A word that must be among those that the upstream is known to have.
def one_of($what; words): . as $word | if any(words; . == $word) then . else error("\($what) is another word than those that are known") end;

# The value if this is so, else nothing known: `.closed_on | only_if($closed)`, where an upstream keeps the day of a case that was opened again.
def only_if($truth): if $truth then . else null end;

# ---- Words and names.

def among(words): . as $word | any(words; . == $word);

# A name as it is compared. By splitting, not by regular expression: it is done for every field of every row.
def plain: reduce (" ", "-", "_") as $blank (ascii_downcase; split($blank) | join(""));

# What a map of the settings says for a name; null when it says nothing.
def set_for($name): [to_entries[] | select((.key | plain) == ($name // "" | plain)) | .value][0];

# Fields by name, each as the list of its values, of pairs `{name, value}`: what is null or empty is no value.
def fields_of(pairs):
  reduce pairs as $pair ({}; .[$pair.name | plain] += [$pair.value | if type == "array" then .[] else . end | select(. != null and . != "")]);

# What comes after a scope in a label, `severity::high`, `kind/incident`, `type: change`, `aims:credit`; nothing when it has none of these scopes.
def scoped(scopes):
  first(("::", ":", "/", "=") as $by | split($by) | select(length > 1) | select(.[0] | plain | among(scopes)) | .[1:] | join($by) | ltrimstr(":") | trim | select(. != ""));

# A mark that people write by hand; what is not a yes is a no.
def is_yes: if . == null then null else ascii_downcase | among("yes", "y", "true", "1", "approved") end;

# A number of something. What stands for none (not a number, infinity, a negative one) is not known.
def as_count: if type == "number" and . >= 0 and . < 1e12 then floor else null end;

# ---- Times, as whole epoch seconds. An upstream's times have one shape, and the connector says which: what has another is an error, null stays null.

# `2026-01-15T12:00:00Z`, with an offset, with a fraction of a second.
def at_rfc3339($what):
  if . == null then . else try (if type == "string" then fromdateiso8601 | floor else error end) catch error("\($what) is no time like 2026-01-15T12:00:00Z") end;

# `2026-01-15T12:00:00.000+0000`: an offset without a colon.
def at_offset($what):
  if . == null then .
  else try (if .[-5:-4] | among("+", "-") then "\(.[:-2]):\(.[-2:])" | fromdateiso8601 | floor else error end) catch error("\($what) is no time like 2026-01-15T12:00:00.000+0000") end;

# `2026-01-15 12:00:00` or `2026-01-15T12:00:00`, in UTC, as the connector knows. An empty text is null.
def at_utc($what):
  if . == null or . == "" then null
  else try (if .[10:11] | among(" ", "T") then "\(.[:10])T\(.[11:])Z" | fromdateiso8601 | floor else error end) catch error("\($what) is no time like 2026-01-15 12:00:00") end;

# Numbers since 1970. One of another unit is refused where the record is checked.
def at_seconds($what): if . == null then . elif type == "number" then floor else error("\($what) is no number of seconds") end;
def at_millis($what): if . == null then . elif type == "number" then . / 1000 | floor else error("\($what) is no number of milliseconds") end;
def at_micros($what): if . == null then . elif type == "number" then . / 1000000 | floor else error("\($what) is no number of microseconds") end;
def at_nanos($what): if . == null then . elif type == "number" then . / 1000000000 | floor else error("\($what) is no number of nanoseconds") end;

# `2026-01-15`, and nothing more: stays a day. An empty text is null.
def on_day($what):
  if . == null or . == "" then null
  else try (if length == 10 then ("\(.)T00:00:00Z" | fromdateiso8601) as $is_one | . else error end) catch error("\($what) is no day like 2026-01-15") end;

# A deadline written as a day lasts until that day ends.
def deadline: if . != null and length == 10 then . + "T23:59:59" else . end;

# `6h`, `90m`, `2d` in seconds; null for anything else.
def span:
  ({ s: 1, m: 60, h: 3600, d: 86400, w: 604800 }) as $seconds
  | [capture("^\\s*(?<count>[0-9]+)\\s*(?<unit>[smhdw])\\s*$") | (.count | tonumber) * $seconds[.unit]][0];

# ---- Cases (ruling 10).

# The kind of case that a word names: a tracker, an issue type, an entry of a list. Nothing when it names none.
def kind_of_word:
  . // "" | plain
  | if startswith("incident") then "incident"
    elif startswith("nonconform") or . == "nc" then "nonconformity"
    elif startswith("correctiveaction") or . == "capa" then "corrective_action"
    elif startswith("risktreatment") then "risk_treatment"
    elif startswith("reviewaction") then "review_action"
    elif among("risk", "airisk") then "risk"
    elif startswith("concern") or startswith("complaint") then "concern"
    elif among("change", "changerequest") then "change"
    else empty end;

# The same where a map of the settings comes first: `{Bug: incident, Support: ignore}`. What is to be ignored is `none`.
def kind_by($map):
  . as $word
  | ($map | set_for($word)) as $set
  | if $set == "ignore" then "none" elif $set then first($set | kind_of_word, $set) else kind_of_word end;

# The same of a label, which may have a scope: `type::incident`, `kind/change`.
def kind_of_label($map): first(kind_by($map), (scoped("type", "kind", "case", "casetype", "issuetype", "category") | kind_by($map)));

# The kind of a case, of several words, the best first; nothing when none names one, or when it is to be ignored.
def case_kind(words; $map): first(words | kind_of_label($map)) | select(. != "none");

# What a map of the settings says for a severity or a priority, else the word itself.
def severity_by($map): . as $word | ($map | set_for($word)) // $word;

# A severity with a number after one of these words, `sev-1`, `P2`, as one that the door knows. 0 is as bad as 1, 5 as little as 4.
def severity_numbered(befores):
  plain as $word
  | { "0": "sev1", "1": "sev1", "2": "sev2", "3": "sev3", "4": "sev4", "5": "sev4" } as $known
  | first(befores as $before | select($word | startswith($before)) | $known[$word | ltrimstr($before)] | values);

# The severity that labels say, `severity::high`, `priority: P1`, `sev2`; null when none does.
def severity_of_labels($map):
  [ .[]
    | . as $one
    | first(
        ($map | set_for($one) | values),
        (scoped("severity", "sev", "priority", "prio", "urgency", "criticality")
          | . as $word
          | first(($map | set_for($word) | values), severity_numbered("severity", "sev", "priority", "prio", "p", "s", ""), $word)),
        severity_numbered("severity", "sev", "p", "s")) ][0];

# The AI systems that labels name, `aims:credit`.
def systems_of_labels: [.[] | scoped("aims")];

# The names of a case's AI system, best first: what a field says, else its labels, else where it belongs. Each may have `aims:` before it.
def systems($typed; $labels; $names):
  (if ($typed // []) != [] then $typed else ($labels | systems_of_labels) as $labelled | if $labelled != [] then $labelled else $names end end)
  | map(ltrimstr("aims:"));

# The same case in another register or tracker, of `fields_of`. The # before a number is only how people write it.
def reference_in($fields): [$fields["reference", "externalid", "ncnumber", "ncid", "sameas"] | values | .[] | tostring | ltrimstr("#")][0];

# The same of labels: `same-as:NC-12`, `reference:4711`.
def reference_of_labels: [.[] | scoped("reference", "ref", "externalid", "ncnumber", "ncid", "sameas") | ltrimstr("#")][0];

# The status of a case: closed, over though it is not closed, else the upstream's own word.
def status_of($closed; $resolved): if $closed then "closed" elif $resolved then "resolved" else . end;

# Of several kinds of cases the one whose oversight would be worst.
def worst_kind(kinds):
  [kinds] as $named
  | first(("incident", "nonconformity", "corrective_action", "concern", "risk", "risk_treatment", "review_action", "change") | select(among($named[])));

# ---- Cases whose fields people name and fill in: custom fields, headings of a form. `$fields` are those of `fields_of`.

# What a field of this plain name holds; null for a text.
def field_shape:
  { due: "day", duedate: "day", verifydue: "day", accepteduntil: "day", detectedat: "time", awareat: "time", triagedat: "time", notifyby: "time",
    notifiedat: "time", implementedat: "time", resolvedat: "time", verifiedat: "time", approvedat: "time", residual: "number", significant: "flag" }[.];

def is_day: test("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");

# Whether a value that somebody typed is of that shape.
def fits($shape):
  tostring
  | if $shape == "day" then is_day
    elif $shape == "time" then is_day or test("^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$")
    elif $shape == "number" then test("^-?[0-9]+([.][0-9]+)?$")
    elif $shape == "flag" then ascii_downcase | among("yes", "no", "true", "false")
    else true end;

# Whether a field of this name says something of a case.
def is_case_field:
  plain
  | (field_shape != null)
    or among("kind", "aisystem", "system", "severity", "grade", "origin", "category", "reference", "externalid", "ncnumber", "ncid", "sameas");

# What a custom field holds, as texts and numbers: an option, several, a cascade, of which the last counts, a document of paragraphs.
def values_of_field:
  if type == "array" then .[] | values_of_field
  elif type != "object" then select(. != null and . != "")
  elif .type == "doc" then [.. | objects | .text | values] | join(" ") | select(. != "")
  else .child.value // .value // .name // empty end;

# The headings of a form, `### Name` with one line below, as pairs for `fields_of`. What has several lines is no answer, and neither is what says so.
def form_fields:
  "\n\(. // "" | gsub("\r"; ""))" | split("\n### ") | .[1:][] | split("\n")
  | { name: .[0], value: ([.[1:][] | trim | select(. != "")] | if length == 1 and .[0] != "_No response_" then .[0] else null end) };

# A case, of what the upstream says itself (`{ id, url, system, kind, title, severity, status, opened_at, closed_at, ... }`) and of what its fields say, which
# comes first: Grade, Origin, Category, Due date or Due, Detected at, Aware at, Triaged at, Notify by, Notified at, Implemented at, Resolved at, Verify due,
# Verified at, Accepted until, Approved at, Residual, Significant, Reference and its other names. A value that is no day, time, number or yes and no where
# one belongs is left out, and its field is named in the attribute `unread`.
def case_with($fields):
  . as $case
  | ($fields | with_entries(.key as $name | select(.value[0] as $first | $first != null and ($first | fits($name | field_shape))))) as $good
  | [$fields | to_entries[] | select(.value[0] != null and $good[.key] == null) | .key] as $unread
  | def said(names; $otherwise): first((names as $name | $good[$name][0] | values), $otherwise);
    $case + {
      record: "case",
      grade: said("grade"; $case.grade),
      origin: said("origin"; $case.origin),
      reference: (reference_in($good) // $case.reference),
      category: said("category"; $case.category),
      opened_at: said("detectedat"; $case.opened_at),
      aware_at: said("awareat"; $case.aware_at),
      triaged_at: said("triagedat"; $case.triaged_at),
      notify_by: (said("notifyby"; $case.notify_by) | if type == "string" then deadline else . end),
      notified_at: said("notifiedat"; $case.notified_at),
      due: said("duedate", "due"; $case.due),
      implemented_at: said("implementedat"; $case.implemented_at),
      resolved_at: said("resolvedat"; $case.resolved_at),
      verify_due: said("verifydue"; $case.verify_due),
      verified_at: said("verifiedat"; $case.verified_at),
      residual: said("residual"; $case.residual),
      accepted_until: said("accepteduntil"; $case.accepted_until),
      significant: said("significant"; $case.significant),
      approved_at: said("approvedat"; $case.approved_at),
      attributes: (($case.attributes // {}) + if $unread == [] then {} else { unread: ($unread | join(", ")) } end)
    };
