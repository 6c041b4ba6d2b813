//! Keys that sign requests, where a profile has them or a role gives them for a while: files, and the services beside a container, an instance and an
//! identity provider.

use quick_xml::{Reader, events::Event};
use reqwest::{
    Method, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::Value as Json;

use super::{Answer, Call, Peer, Web, token};
use crate::connector::{
    auth::{
        self,
        sigv4::{self, Authorization, Keys, Origin},
    },
    description::Format,
    expression,
    failure::{Failure, FailureReason},
    meter::Meter,
    source::Tls,
};

/// A profile is read again after so many seconds: other programs write new keys into it.
const PROFILE_SECONDS: i64 = 66;

/// How long a session with an instance's metadata is wanted, in seconds; it is used at once.
static SESSION: (HeaderName, HeaderValue) = (HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"), HeaderValue::from_static("60"));

/// The header that shows it.
static SHOWN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");

/// Where an instance's roles are.
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// What an identity provider's token is exchanged with, and for how many seconds.
const ASSUME: [(&str, &str); 3] = [("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("DurationSeconds", "3600")];

/// Keys, and when they end, epoch seconds.
pub(super) async fn keys(web: &Web, origin: &Origin, meter: &Meter) -> Result<(Keys, Option<i64>), Failure> {
    Ok(match origin {
        Origin::Given(keys) => (keys.clone(), None),
        Origin::Profile { name, files } => {
            let text = |file: &std::path::PathBuf| std::fs::read_to_string(file).unwrap_or_default();
            let wrong = |why: String| {
                let shown = files.each_ref().map(|file| file.display().to_string()).join(" and ");
                Failure::new(FailureReason::Configuration, format!("auth.sigv4.profile: `{name}` of {shown}: {why}"))
            };
            let keys = sigv4::profile(name, &files.each_ref().map(text)).keys().map_err(wrong)?;
            (keys, Some(meter.clock() + PROFILE_SECONDS))
        }
        Origin::Container { url, authorization } => of_container(web, url, authorization.as_ref(), meter).await?,
        Origin::Instance(url) => of_instance(web, url, meter).await?,
        Origin::WebIdentity { url, role, session, token } => of_identity(web, url, [role, session], token, meter).await?,
    })
}

async fn of_container(web: &Web, url: &Url, authorization: Option<&Authorization>, meter: &Meter) -> Result<(Keys, Option<i64>), Failure> {
    let mut call = Call::bare(url, Method::GET, "keys");
    let shown = match authorization {
        None => None,
        Some(Authorization::Given(token)) => Some(token.clone()),
        Some(Authorization::File(file)) => Some(secret(file)?),
    };
    if let Some(token) = shown {
        call.headers.push((AUTHORIZATION, auth::sensitive(token.expose())?));
    }
    json(&ask(web, &beside(web, url)?, &call, meter).await?)
}

async fn of_instance(web: &Web, url: &Url, meter: &Meter) -> Result<(Keys, Option<i64>), Failure> {
    let peer = beside(web, url)?;
    let at = |path: &str, method: Method| Call::bare(&super::below(url, path, &[]), method, "keys");
    let mut begin = at("/latest/api/token", Method::PUT);
    begin.headers.push(SESSION.clone());
    let session = text(ask(web, &peer, &begin, meter).await?);
    let shown = (SHOWN.clone(), auth::sensitive(session.trim())?);
    let read = |path: String| {
        let mut call = at(&path, Method::GET);
        call.headers.push(shown.clone());
        call
    };
    let roles = text(ask(web, &peer, &read(ROLES.to_owned()), meter).await?);
    let role = roles.lines().next().map(str::trim).filter(|role| !role.is_empty() && role.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c)));
    let role = role.ok_or_else(|| Failure::new(FailureReason::Unauthorized, "keys: this machine has no role"))?;
    json(&ask(web, &peer, &read(format!("{ROLES}{role}")), meter).await?)
}

async fn of_identity(web: &Web, url: &Url, [role, session]: [&String; 2], file: &std::path::Path, meter: &Meter) -> Result<(Keys, Option<i64>), Failure> {
    let shown = secret(file)?;
    let own = [("RoleArn", role.as_str()), ("RoleSessionName", session.as_str()), ("WebIdentityToken", shown.expose())];
    let mut call = token::form(url, "keys", ASSUME.into_iter().chain(own));
    call.headers.push((ACCEPT, HeaderValue::from_static("application/xml")));
    call.accept = vec![400, 403];
    let answer = ask(web, &Peer::new(url, &Tls::default(), &web.limits)?, &call, meter).await?;
    let status = answer.status;
    let (bytes, _) = answer.body.into_parts();
    let [code, id, key, token, ends] = elements(&bytes, ["Code", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]);
    if status >= 300 {
        let advice = match code.as_deref() {
            Some("ExpiredTokenException") => "the identity provider's token has expired; whoever writes `token_file` has stopped",
            Some("InvalidIdentityToken") => "the identity provider's token is not accepted; check `token_file`, its audience, and the provider on record",
            Some("AccessDenied") => "this token may not take on the role; check `role_arn` and whom the role trusts",
            Some("IDPRejectedClaim" | "IDPCommunicationError") => "the identity provider did not confirm the token",
            _ => "check `role_arn`, `token_file` and `endpoint` under auth.sigv4",
        };
        return Err(web.dated(Failure::new(FailureReason::Unauthorized, format!("keys: {} answered {status}: {advice}", call.place()))));
    }
    whole(id, key, token, ends)
}

/// Asks whoever gives keys.
async fn ask(web: &Web, peer: &Peer, call: &Call, meter: &Meter) -> Result<Answer, Failure> {
    let refused = |failure: Failure| match failure.reason {
        FailureReason::Forbidden | FailureReason::NotFound | FailureReason::UnexpectedStatus | FailureReason::Unauthorized => {
            let advice = "Check that what this runs on has a role, and `role` and `endpoint` under auth.sigv4";
            Failure { reason: FailureReason::Unauthorized, ..failure.at("keys").advised(advice) }
        }
        _ => failure.at("keys"),
    };
    web.persist(peer, call, None, meter).await.map_err(|setback| refused(setback.failure))
}

/// A service on this machine or next to it.
fn beside(web: &Web, url: &Url) -> Result<Peer, Failure> {
    Peer::new(url, &Tls::default(), &web.limits).map_err(|failure| failure.at("auth.sigv4"))
}

fn secret(file: &std::path::Path) -> Result<crate::secret::Secret, Failure> {
    let text = std::fs::read_to_string(file);
    let text =
        text.map_err(|error| Failure::new(FailureReason::Configuration, format!("auth.sigv4.token_file: {} can't be read: {}", file.display(), error.kind())))?;
    Ok(crate::secret::Secret::new(text.trim()))
}

fn text(answer: Answer) -> String {
    String::from_utf8_lossy(&answer.body.into_parts().0).into_owned()
}

/// Keys as containers and instances are given them.
fn json(answer: &Answer) -> Result<(Keys, Option<i64>), Failure> {
    let told = expression::to_json(&answer.body.decode(Format::Json).map_err(|failure| failure.at("keys"))?);
    let text = |key: &str| told.get(key).and_then(Json::as_str).map(str::to_owned);
    whole(text("AccessKeyId"), text("SecretAccessKey"), text("Token"), text("Expiration"))
}

fn whole(id: Option<String>, key: Option<String>, token: Option<String>, ends: Option<String>) -> Result<(Keys, Option<i64>), Failure> {
    let wrong = |what: &str| Failure::new(FailureReason::NotExpectedFormat, format!("keys: the answer {what}; check `role` and `endpoint` under auth.sigv4"));
    let ends = ends.map(|ends| chrono::DateTime::parse_from_rfc3339(&ends).map(|moment| moment.timestamp()).map_err(|_| wrong("does not say when they end")));
    let (Some(id), Some(key)) = (id, key) else { return Err(wrong("has none")) };
    Ok((Keys::new(&id, &key, token.as_deref()).map_err(|_| wrong("has some that can't be sent"))?, ends.transpose()?))
}

/// The texts of the first elements of these names.
fn elements<const N: usize>(xml: &[u8], names: [&str; N]) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    let mut reader = Reader::from_reader(xml);
    let mut at: Option<usize> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => at = names.iter().position(|name| start.local_name().as_ref() == *name).filter(|index| found[*index].is_none()),
            Ok(Event::Text(text)) => {
                if let Some(index) = at.take() {
                    found[index] = Some(text.trim().to_owned());
                }
            }
            Ok(Event::End(_)) => at = None,
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_wherever_they_stand() {
        let xml = br#"<?xml version="1.0"?><R xmlns="x"><Result><Empty/><a:Key>one</a:Key><Other><Key>two</Key></Other><Last> 3 </Last></Result></R>"#;
        assert_eq!(elements(xml, ["Key", "Last", "Empty", "None"]), [Some("one".to_owned()), Some("3".to_owned()), None, None]);
        assert_eq!(elements(b"<Key>broken", ["Key"]), [Some("broken".to_owned())]);
        assert_eq!(elements(b"no xml at all", ["Key"]), [None]);
    }
}
