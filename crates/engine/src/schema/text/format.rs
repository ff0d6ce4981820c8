//! Formats as patterns. What is written has a narrow one of limited length, so that any validator agrees; what
//! a schema names itself has a wide one.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

const DATE: &str = "[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
                    |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
const TIME: &str = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,3})?\
                    (?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])";
const HOST: &str = "[a-z][a-z0-9]{0,15}(?:-[a-z0-9]{1,10})?(?:\\.[a-z][a-z0-9]{1,15}){1,2}";
const NUMBER: &str = "[1-9][0-9]?";

/// Whether a format is a remark for people and programs: any text has it, or as good as any.
pub(super) fn is_remark(format: &str) -> bool {
    matches!(
        format,
        "password" | "binary" | "path" | "file-path" | "directory-path" | "textarea" | "markdown" | "html"
    )
}

/// The pattern of a format, anchored; `None` for a format that is not known.
pub(super) fn pattern(format: &str) -> Option<String> {
    let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let pattern = match format {
        "date-time" => format!("{DATE}T{TIME}"),
        "date" => DATE.to_owned(),
        "time" => TIME.to_owned(),
        "duration" => format!(
            "P(?:{NUMBER}[YMWD]|{NUMBER}DT{NUMBER}H|T{NUMBER}[HMS]|T{NUMBER}H{NUMBER}M|T{NUMBER}M{NUMBER}S)"
        ),
        "email" | "idn-email" => {
            format!("[A-Za-z0-9][A-Za-z0-9_+-]{{0,19}}(?:\\.[A-Za-z0-9][A-Za-z0-9_-]{{0,19}})?@{HOST}")
        }
        "hostname" | "idn-hostname" => HOST.to_owned(),
        "ipv4" => format!("(?:{octet}\\.){{3}}{octet}"),
        "ipv6" => "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}".to_owned(),
        "uuid" => "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}".to_owned(),
        "uuid1" | "uuid3" | "uuid4" | "uuid5" => {
            let version = &format[4..];
            format!("[0-9a-f]{{8}}-[0-9a-f]{{4}}-{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}")
        }
        "base64" | "byte" => "(?:[A-Za-z0-9+/]{4}){1,8}".to_owned(),
        // Letters alone are an expression by anybody's rules.
        "regex" => "[A-Za-z0-9]{1,20}".to_owned(),
        "uri" | "iri" | "uri-reference" | "iri-reference" | "uri-template" => format!(
            "(?:https?|ftp|wss?)://{HOST}(?:/[A-Za-z0-9_~-]{{1,20}}){{0,4}}(?:\\.[a-z]{{2,4}})?\
             (?:\\?[a-z]{{1,12}}=[A-Za-z0-9]{{1,12}})?"
        ),
        "json-pointer" => "(?:/[A-Za-z0-9_]{1,20}){1,4}".to_owned(),
        _ => return None,
    };
    Some(format!("^(?:{pattern})$"))
}

/// How a format's texts look at most; `None`: that cannot be told by a pattern, or the format is not known.
fn wide(format: &str) -> Option<Cow<'static, str>> {
    // As RFC 3339 has it, to the right number of days.
    let date = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)\
                |02-(?:0[1-9]|1[0-9]|2[0-8]))\
                |(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
    let time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\\.[0-9]+)?\
                (?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    let number = "[0-9]+(?:[.,][0-9]+)?";
    Some(match format {
        "date-time" => format!("{date}[Tt ]{time}").into(),
        "date" => date.into(),
        "time" => time.into(),
        "duration" => format!("P(?:{number}[YMWD])*(?:T(?:{number}[HMS])+)?").into(),
        "email" => "[^@ ]+@[^@ ]+|\"[^\"]+\"@[^@ ]+".into(),
        "idn-email" => ".+@.+".into(),
        "hostname" => format!("{label}(?:\\.{label})*\\.?").into(),
        "uuid" => "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}".into(),
        "uuid1" | "uuid3" | "uuid4" | "uuid5" => {
            let version = &format[4..];
            format!("[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-{version}[0-9a-fA-F]{{3}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}").into()
        }
        "base64" | "byte" => "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?".into(),
        "uri" | "iri" => "[A-Za-z][A-Za-z0-9+.-]*:[^ <>\"{}|^`\\\\]*".into(),
        "uri-reference" | "iri-reference" => "[^ <>\"{}|^`\\\\]*".into(),
        "json-pointer" => "(?:/(?:[^~/]|~[01])*)*".into(),
        _ => return None,
    })
}

/// Whether a text may have a format: `false` where it certainly has not. `fits`: whether it fits a pattern.
pub(in crate::schema) fn may_have(format: &str, text: &str, fits: impl FnOnce(&str) -> bool) -> bool {
    match format {
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        _ => wide(format).is_none_or(|pattern| fits(&format!("^(?:{pattern})$"))),
    }
}
