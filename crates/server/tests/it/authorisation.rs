//! Every operation of the table, tried by every identity that may not.

use reqwest::Method;
use serde_json::{Value, json};
use skink_api::token::EnrolmentToken;
use skink_api::{Access, Listener, Operation, Role};

use crate::common::{Answer, Api, Enrolled, TestKey, TestServer};
use crate::incident::Party;

/// Somebody who knocks, and the code that he gets where he may not.
struct Knocker {
    name: &'static str,
    api: Api,
    role: Option<Role>,
    code: &'static str,
}

fn people(server: &TestServer) -> Vec<Knocker> {
    let mut knockers: Vec<Knocker> = [
        ("vic", Role::Viewer),
        ("oscar", Role::Operator),
        ("lea", Role::PkiLead),
        ("cid", Role::Ciso),
        ("ada", Role::Auditor),
    ]
    .into_iter()
    .map(|(name, role)| Knocker {
        name,
        api: server.operator(name),
        role: Some(role),
        code: "forbidden",
    })
    .collect();
    let nobody = Api { token: None, ..server.operator("vic") };
    let guess = Api { token: Some("skop_guess".into()), ..nobody.clone() };
    for (name, api) in [("nobody", nobody), ("a guessed token", guess)] {
        knockers.push(Knocker { name, api, role: None, code: "unauthenticated" });
    }
    knockers
}

/// With the agent's certificate, and with a workload's for a key nobody registered.
fn certificates(server: &TestServer, agent: &Enrolled, leaf: (&str, &TestKey)) -> Vec<Knocker> {
    let base = server.operator("vic").base;
    let with = |identity| Api {
        http: crate::common::client(&server.made.root_pem, Some(identity)),
        base: base.clone(),
        token: None,
    };
    let chain = format!(
        "{}\n{}",
        agent.answer["certificate_pem"].as_str().unwrap(),
        agent.answer["chain_pem"].as_str().unwrap()
    );
    [("an agent", with((&chain, &agent.key))), ("a workload", with(leaf))]
        .into_iter()
        .map(|(name, api)| Knocker { name, api, role: None, code: "unauthenticated" })
        .collect()
}

fn method(operation: Operation) -> Method {
    operation.route().method.as_str().parse().unwrap()
}

/// The path with something in place of its parameters.
fn path(operation: Operation) -> String {
    let mut path = String::new();
    for (at, part) in operation.route().path.split('{').enumerate() {
        match part.split_once('}') {
            Some((_, rest)) if at > 0 => path.extend(["x", rest]),
            _ => path.push_str(part),
        }
    }
    path
}

async fn leaf(agent: &Enrolled) -> (String, TestKey) {
    let key = TestKey::new();
    let ask = serde_json::json!({
        "purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": key.csr("x", &["web-1.example.test"]),
    });
    let answer = agent.api.post("/agent/v1/certificates", &ask).await.ok();
    let chain = format!(
        "{}\n{}",
        answer["certificate_pem"].as_str().unwrap(),
        answer["chain_pem"].as_str().unwrap()
    );
    (chain, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_does_what_the_table_does_not_allow() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let (chain, key) = leaf(&agent).await;
    let mut knockers = people(&server);
    knockers.extend(certificates(&server, &agent, (&chain, &key)));
    let before = server.operator("ada").get("/api/v1/audit?limit=1000").await.ok();
    let mut tried = 0;
    for operation in Operation::ALL.iter().copied() {
        let route = operation.route();
        let Access::Roles(roles) = route.access else { continue };
        for knocker in &knockers {
            if knocker.role.is_some_and(|role| roles.contains(&role)) {
                continue;
            }
            let answer = knocker.api.send(method(operation), &path(operation), None).await;
            assert!([401, 403].contains(&answer.status), "{operation:?} by {}", knocker.name);
            answer.problem(knocker.code);
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
    let after = server.operator("ada").get("/api/v1/audit?limit=1000").await.ok();
    assert_eq!(before, after, "an unauthorised attempt changed something");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_to_control_is_necessary_and_not_sufficient() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let (chain, key) = leaf(&agent).await;

    // Without a certificate: only enrolment and what is public.
    let nobody = server.agent(None);
    for operation in Operation::ALL.iter().copied() {
        let route = operation.route();
        if route.listener == Listener::Agent && route.access == Access::Agents {
            let answer = nobody.send(method(operation), &path(operation), None).await;
            answer.problem("unauthenticated");
        }
    }
    // A chain to workloads is refused in the handshake.
    let workload = server.agent(Some((&chain, &key)));
    let refused = workload.http.get(format!("{}/agent/v1/poll", workload.base)).send().await;
    assert!(refused.is_err(), "a workload's certificate opened the agents' channel");
    // An agent that was enrolled anew is known by its new key only.
    let again = server.enroll("web-1").await;
    agent.api.get("/agent/v1/poll?wait_ms=0").await.problem("unknown-agent");
    again.api.get("/agent/v1/poll?wait_ms=0").await.ok();
    // One listener's operations are not another's.
    let vic = server.operator("vic");
    vic.get("/agent/v1/poll").await.problem("not-found");
    again.api.get("/api/v1/status").await.problem("not-found");
    server.public().get("/api/v1/status").await.problem("not-found");
    let wrong = vic.send(Method::DELETE, "/api/v1/status", None).await;
    wrong.problem("method-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_does_not_speak_for_others() {
    let server = TestServer::start().await;
    let web = server.enroll("web-1").await;
    server.enroll("web-2").await;
    let key = TestKey::new();
    let foreign = serde_json::json!({
        "purpose": "leaf", "endpoint": "web-2-tls", "csr_pem": key.csr("x", &["web-2.example.test"]),
    });
    web.api.post("/agent/v1/certificates", &foreign).await.problem("forbidden");
    let report = serde_json::json!({"endpoints": [{"endpoint": "web-2-tls", "error": "x"}]});
    web.api.post("/agent/v1/report", &report).await.ok();
    let shown = server.operator("vic").get("/api/v1/endpoints/web-2-tls").await.ok();
    assert_eq!(shown["error"], Value::Null);
}

/// Who tends an endpoint, and what it says it could not do.
async fn tended(server: &TestServer, endpoint: &str) -> Value {
    let path = format!("/api/v1/endpoints/{endpoint}");
    server.operator("vic").get(&path).await.ok()["error"].clone()
}

async fn report_error(agent: &Api, endpoints: &[&str], error: &str) {
    let told = endpoints.iter().map(|name| json!({"endpoint": name, "error": error}));
    let report = json!({"endpoints": told.collect::<Vec<_>>()});
    agent.post("/agent/v1/report", &report).await.ok();
}

async fn token(server: &TestServer, agent: &str, endpoints: &[&str]) -> Answer {
    let spec = |name: &&str| {
        json!({"name": name, "role": "server", "mechanism": "anchor", "service": "web",
               "issuer": "workloads", "profile": "server-client", "names": ["x.example.test"],
               "agent": agent})
    };
    let endpoints: Vec<Value> = endpoints.iter().map(spec).collect();
    let body = json!({"agent": agent, "endpoints": endpoints});
    server.operator("oscar").post("/api/v1/tokens", &body).await
}

async fn enroll(server: &TestServer, agent: &str, token: Answer) -> Answer {
    let token = token.ok();
    let token = EnrolmentToken::decode(token["token"].as_str().unwrap()).unwrap();
    let request = json!({
        "token_id": token.id, "secret": token.secret, "agent": agent, "version": "test",
        "csr_pem": TestKey::new().csr(agent, &[]),
    });
    server.agent(None).post("/agent/v1/enroll", &request).await
}

fn names(enrolled: &Value) -> Vec<&str> {
    let endpoints = enrolled["endpoints"].as_array().unwrap().iter();
    endpoints.map(|one| one["name"].as_str().unwrap()).collect()
}

/// Until it is used a token takes nothing away, and then what the agent before says of the endpoint
/// no longer counts, but of its others it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_takes_an_endpoint_over_when_it_is_used() {
    let server = TestServer::start().await;
    let old = server.enroll("web-1").await;
    let unused = token(&server, "web-2", &["web-1-tls", "new-tls"]).await;
    report_error(&old.api, &["web-1-tls"], "still mine").await;
    assert_eq!(tended(&server, "web-1-tls").await, "still mine");
    let trust = server.operator("vic").get("/api/v1/trust").await.ok();
    assert_eq!(trust["managed"], 1, "an endpoint nobody tends yet counts as managed");

    let enrolled = enroll(&server, "web-2", unused).await.ok();
    assert_eq!(names(&enrolled), ["new-tls", "web-1-tls"]);
    assert_eq!(tended(&server, "web-1-tls").await, Value::Null);
    let spare = enroll(&server, "web-3", token(&server, "web-3", &["spare-tls"]).await).await;
    assert_eq!(names(&spare.ok()), ["spare-tls"]);
    let both = token(&server, "web-1", &["spare-tls"]).await;
    let again = enroll(&server, "web-1", both).await.ok();
    assert_eq!(names(&again), ["spare-tls"]);
    old.api.get("/agent/v1/poll?wait_ms=0").await.problem("unknown-agent");
}

/// A report about several endpoints counts for those that are the agent's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_agents_is_passed_over_and_the_rest_of_its_report_counts() {
    let server = TestServer::start().await;
    let (one, _) = (server.enroll("web-1").await, server.enroll("web-2").await);
    report_error(&one.api, &["web-2-tls", "nowhere", "web-1-tls"], "x").await;
    assert_eq!(tended(&server, "web-1-tls").await, "x");
    assert_eq!(tended(&server, "web-2-tls").await, Value::Null);
}

/// What a thief gets with somebody's unused token: what it names from whoever had it when it was
/// made, and nothing that was decided since.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_gets_what_it_names_and_undoes_no_later_decision() {
    let server = TestServer::start().await;
    server.enroll("web-1").await;

    // The endpoint went to somebody else meanwhile.
    let stolen = token(&server, "web-8", &["web-1-tls"]).await;
    let moved = enroll(&server, "web-2", token(&server, "web-2", &["web-1-tls"]).await).await;
    assert_eq!(names(&moved.ok()), ["web-1-tls"]);
    enroll(&server, "web-8", stolen).await.problem("token-invalid");

    // An agent that tends more than the token names.
    let less = token(&server, "web-2", &["other-tls"]).await.problem("conflict");
    assert!(less["detail"].as_str().unwrap().contains("web-2 tends web-1-tls too"), "{less}");
    let first = token(&server, "web-5", &["five-a"]).await;
    let second = token(&server, "web-5", &["five-b"]).await;
    enroll(&server, "web-5", first).await.ok();
    enroll(&server, "web-5", second).await.problem("token-invalid");

    // The agent was shut out after the token was made; one that is made afterwards lets it in.
    let stolen = token(&server, "web-2", &["web-1-tls"]).await;
    let oscar = server.operator("oscar");
    oscar.send(Method::DELETE, "/api/v1/agents/web-2", None).await;
    enroll(&server, "web-2", stolen).await.problem("token-invalid");
    enroll(&server, "web-2", token(&server, "web-2", &["web-1-tls"]).await).await.ok();
}

/// A new host of the same name has proven nothing yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_before_proved_says_nothing_of_the_next() {
    let server = TestServer::start().await;
    let mut party = Party::join(&server, "web-1").await;
    party.successor = "workloads-g1";
    party.live(&server).await;
    let vic = server.operator("vic");
    let shown = vic.get("/api/v1/endpoints/web-1-tls").await.ok();
    assert_eq!(shown["past"], json!(["workloads-g1"]));
    assert!(shown["certificate"].is_string() && shown["trust"].is_object(), "{shown}");
    server.enroll("web-1").await;
    let shown = vic.get("/api/v1/endpoints/web-1-tls").await.ok();
    assert_eq!(shown["past"], json!([]));
    assert!(shown["certificate"].is_null() && shown["trust"].is_null(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_agent_is_shut_out() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let key = TestKey::new();
    let ask = serde_json::json!({"purpose": "control", "csr_pem": key.csr("web-1", &[])});
    let answer = agent.api.post("/agent/v1/certificates", &ask).await.ok();
    let text = |field: &str| answer[field].as_str().unwrap();
    let chain = format!("{}\n{}", text("certificate_pem"), text("chain_pem"));
    let next = server.agent(Some((&chain, &key)));
    next.get("/agent/v1/poll?wait_ms=0").await.ok();

    // A revoked control certificate lets nobody in; the agent's other key still does.
    let oscar = server.operator("oscar");
    let revoke = format!("/api/v1/certificates/{}/revoke", text("certificate_id"));
    oscar.post(&revoke, &serde_json::json!({"reason": "keyCompromise"})).await.ok();
    next.get("/agent/v1/poll?wait_ms=0").await.problem("unknown-agent");
    agent.api.get("/agent/v1/poll?wait_ms=0").await.ok();

    // Shut out: every key, until it enrols again.
    let shut = oscar.send(Method::DELETE, "/api/v1/agents/web-1", None).await;
    assert_eq!(shut.status, 200);
    agent.api.get("/agent/v1/poll?wait_ms=0").await.problem("unknown-agent");
    agent.api.post("/agent/v1/certificates", &ask).await.problem("unknown-agent");
    oscar.send(Method::DELETE, "/api/v1/agents/web-9", None).await.problem("not-found");
    let again = server.enroll("web-1").await;
    again.api.get("/agent/v1/poll?wait_ms=0").await.ok();
}
