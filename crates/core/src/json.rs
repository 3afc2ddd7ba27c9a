//! A pull reader over JSON bytes (RFC 8259): exact numbers as text, strings borrowed where they hold no escape, a
//! depth limit instead of a deep stack.
