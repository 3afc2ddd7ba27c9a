//! `tidegate aws`: prints the template that sets the system up.

fn main() {
    print!("{}", tidegate_aws::TEMPLATE);
}
