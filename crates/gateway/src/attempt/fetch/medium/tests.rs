use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[test]
fn the_bytes_own_mark_counts_more_than_the_hosts_word() {
    for said in [Some("image/jpeg"), Some("application/octet-stream"), None] {
        assert_eq!(media_type(Kind::Image, PNG, said).as_deref(), Some("image/png"));
    }
}

#[test]
fn without_a_known_mark_the_hosts_word_counts() {
    let bytes = b"II*\0\x08\0\0\0";
    assert_eq!(
        media_type(Kind::Image, bytes, Some("Image/TIFF; q=1")).as_deref(),
        Some("image/tiff")
    );
    assert_eq!(media_type(Kind::Image, bytes, None), None);
}

#[test]
fn what_is_not_of_the_kind_is_refused() {
    for (kind, bytes, said) in [
        (Kind::File, PNG, "application/pdf"),
        (Kind::Image, b"%PDF-1.7".as_slice(), "image/png"),
        (Kind::Video, PNG, "video/mp4"),
        (Kind::Image, b"<svg onload=alert()>", "image/svg+xml"),
        (Kind::Image, b"<html>not found", "text/html"),
        (Kind::Image, b"{\"AccessKeyId\": \"AKIA\"}", "image/png"),
        (Kind::File, b"aws_secret_access_key = x", "application/pdf"),
        (Kind::Image, b"\x01\x02\x03", "image/x\",\"y"),
        (Kind::Image, b"", "image/png"),
    ] {
        assert_eq!(media_type(kind, bytes, Some(said)), None, "{kind}: {said}");
    }
}
