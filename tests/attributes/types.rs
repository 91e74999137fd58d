use std::num::ParseIntError;

#[glassloop::test]
async fn a_wrong_value() -> Result<(), ParseIntError> {
    Ok(1)
}

#[glassloop::test]
async fn no_value() -> Result<(), ParseIntError> {
    "1".parse::<u32>()?;
}

#[glassloop::test]
async fn a_question_mark_where_nothing_is_returned() {
    "1".parse::<u32>()?;
}

#[glassloop::test]
async fn a_value_where_none_is_returned() {
    1
}

#[glassloop::test(timeout = "3s")]
async fn no_exit_code() -> Option<u32> {
    None
}

#[glassloop::test]
async fn a_mistake_in_the_body() {
    let number: u32 = glassloop::spawn(async { "one" }).await.unwrap();
    unknown(number);
}
