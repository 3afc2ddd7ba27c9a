//! The next page of an element, from the page before.
