#[glassloop::test]
#[test]
async fn below() {
    glassloop::yield_now().await;
}

#[test]
#[glassloop::test]
async fn above() {
    glassloop::yield_now().await;
}

#[glassloop::test]
#[glassloop::test]
async fn twice() {}
