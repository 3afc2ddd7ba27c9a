//! From the bytes of an answer to UTF-8.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding, UTF_8};

use super::DecodeError;

/// The page as UTF-8: a byte-order mark removed (it decides over a declared character set), a declared character set
/// converted. A byte that is none of the set is an error.
pub fn to_utf8<'a>(body: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, [u8]>, DecodeError> {
    Ok(match to_text(body, charset)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

/// The same as text.
pub(crate) fn to_text<'a>(body: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, DecodeError> {
    if let Some((encoding, length)) = Encoding::for_bom(body) {
        return convert(encoding, &body[length..], length);
    }
    let Some(label) = charset else { return convert(UTF_8, body, 0) };
    match Encoding::for_label(label.trim().trim_matches('"').as_bytes()) {
        Some(encoding) => convert(encoding, body, 0),
        None => Err(DecodeError::Malformed {
            at: 0,
            message: format!(
                "the API declares the character set `{label}`, which is unknown; ask it for UTF-8"
            ),
        }),
    }
}

fn convert<'a>(
    encoding: &'static Encoding,
    bytes: &'a [u8],
    base: usize,
) -> Result<Cow<'a, str>, DecodeError> {
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(e) => Err(not_utf8(bytes, e.valid_up_to(), base)),
        };
    }
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text),
        None => {
            let at = base + first_malformed(encoding, bytes);
            let message = format!("this is not {}, the character set that the API declares", encoding.name());
            Err(DecodeError::Malformed { at, message })
        }
    }
}

fn not_utf8(bytes: &[u8], at: usize, base: usize) -> DecodeError {
    let byte = bytes[at];
    let message = format!(
        "byte 0x{byte:02X} is not UTF-8 and no other character set is declared; if this is Latin text, have the API \
         send `Content-Type: …; charset=windows-1252`"
    );
    DecodeError::Malformed { at: base + at, message }
}

/// Offset just after the first malformed sequence.
fn first_malformed(encoding: &'static Encoding, bytes: &[u8]) -> usize {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut scratch = [0u8; 1024];
    let mut at = 0;
    loop {
        let (result, read, _) = decoder.decode_to_utf8_without_replacement(&bytes[at..], &mut scratch, true);
        at += read;
        if !matches!(result, DecoderResult::OutputFull) {
            return at;
        }
    }
}
