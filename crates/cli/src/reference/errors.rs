//! `errors.md`: the kinds of error.

use tidegate_core::error::Kind;

pub(super) fn page() -> String {
    let mut page = format!("{}# Errors and exit codes\n\n", super::GENERATED);
    page.push_str(
        "Every error has one of five kinds, and the kind says what to do next. It decides the exit code of the \
         command line and stands as `kind` in the JSON log.\n\n\
         | kind | exit code | what to do |\n|---|---|---|\n| (success) | 0 | |\n",
    );
    for kind in Kind::ALL {
        page.push_str(&format!("| `{}` | {} | {} |\n", kind.word(), kind.exit_code(), kind.advice()));
    }
    page.push_str(
        "\nWrong arguments on the command line end with 2, like any wrong setting. `tidegate run` that is ended by \
         Ctrl-C or SIGTERM finishes the step it is in and ends with 0; a second signal ends it at once with 130. \
         Whatever ends it, and at whatever moment, what is staged stays staged, and `tidegate load --missing` \
         finishes what was begun.\n",
    );
    page
}
