//! The OpenAPI document, made of the table of operations.

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, PathItem, Ref, RefOr, Required, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::Problem;
use crate::operations::{Access, Collected, Content, Listener, Method, Operation, Route};

/// The OpenAPI document of all listeners.
pub fn document() -> OpenApi {
    let mut schemas: Collected = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    let mut paths = PathsBuilder::new().build();
    for operation in Operation::ALL {
        let route = operation.route();
        let described = describe(&route, &mut schemas);
        let method = match route.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
            Method::Delete => HttpMethod::Delete,
        };
        let item = PathItem::new(method, described);
        match paths.paths.get_mut(route.path) {
            Some(present) => present.merge_operations(item),
            None => {
                paths.paths.insert(route.path.to_owned(), item);
            }
        }
    }
    let bearer = SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An operator's token; a registered client certificate does as well"))
            .build(),
    );
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", bearer)
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Skink")
                .version("1")
                .description(Some("Operators' API, agents' API and public distribution points"))
                .build(),
        )
        .paths(paths)
        .components(Some(components))
        .build()
}

fn describe(route: &Route, schemas: &mut Collected) -> utoipa::openapi::path::Operation {
    let tag = match route.listener {
        Listener::Api => "operators",
        Listener::Agent => "agents",
        Listener::Public => "public",
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(format!("{:?}", route.operation)))
        .summary(Some(route.summary))
        .tag(tag);
    for name in route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(ObjectBuilder::new().schema_type(Type::String).build())),
        );
    }
    if let Some(content) = route.operation.body(schemas) {
        let (media, content) = content_of(content);
        let body = RequestBodyBuilder::new().required(Some(Required::True)).content(media, content);
        operation = operation.request_body(Some(body.build()));
    }
    let mut answer = ResponseBuilder::new().description("As asked");
    if let Some(content) = route.operation.answer(schemas) {
        let (media, content) = content_of(content);
        answer = answer.content(media, content);
    }
    let problem =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    operation = operation.response("200", answer.build()).response(
        "default",
        ResponseBuilder::new()
            .description("A problem")
            .content(Problem::MEDIA_TYPE, problem)
            .build(),
    );
    match route.access {
        Access::Roles(roles) => {
            let roles = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>();
            operation
                .description(Some(format!("Roles: {}.", roles.join(", "))))
                .security(SecurityRequirement::new("bearer", Vec::<String>::new()))
        }
        Access::Agents => operation.description(Some(
            "Agents: a client certificate under control whose key is in the server's log.",
        )),
        Access::Token => operation.description(Some("Whoever has an enrolment token.")),
        Access::Everybody => operation,
    }
    .build()
}

fn content_of(content: Content) -> (&'static str, utoipa::openapi::Content) {
    match content {
        Content::Json(schema) => {
            ("application/json", ContentBuilder::new().schema(Some(*schema)).build())
        }
        Content::Other(media) => (media, ContentBuilder::new().schema(Some(bytes())).build()),
    }
}

fn bytes() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_documented_and_every_reference_resolves() {
        let json = serde_json::to_value(document()).unwrap();
        let operations: usize =
            json["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(operations, Operation::ALL.len());
        let schemas = json["components"]["schemas"].as_object().unwrap();
        let text = json.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name} is referred to and not there");
        }
    }
}
