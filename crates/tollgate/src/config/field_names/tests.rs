use serde::Deserialize;

use super::*;

#[test]
fn a_struct_tells_its_fields_as_they_are_written() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the names matter")]
    struct Table {
        first: u8,
        #[serde(rename = "other")]
        second: Option<String>,
    }

    assert_eq!(field_names::<Table>(), ["first", "other"]);
}
