use super::*;

#[test]
fn versions_and_markers_are_read_and_named_again() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
        <ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><MaxKeys>1000</MaxKeys>
        <Version><Key>a &amp; b</Key><VersionId>1</VersionId><IsLatest>true</IsLatest></Version>
        <DeleteMarker><Key>c</Key><VersionId>null</VersionId></DeleteMarker>
        <Version><Key>a &amp; b</Key><VersionId>2</VersionId></Version></ListVersionsResult>"#;
    let versions = Versions::read(xml.as_bytes()).expect("a listing");
    assert_eq!(versions.all.len(), 3);
    let request = String::from_utf8(versions.delete_request()).expect("text");
    assert!(request.contains("<Key>a &amp; b</Key><VersionId>1</VersionId>"), "{request}");
    assert!(request.contains("<Key>c</Key><VersionId>null</VersionId>"), "{request}");
}

#[test]
fn an_empty_listing_has_no_versions() {
    let xml = "<ListVersionsResult><Name>b</Name><IsTruncated>false</IsTruncated></ListVersionsResult>";
    assert!(Versions::read(xml.as_bytes()).expect("a listing").all.is_empty());
}
