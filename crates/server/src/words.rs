//! The same words in the model and on the wire. A word that one side lacks does not compile.

macro_rules! same {
    ($($name:ident { $($variant:ident),+ $(,)? })+) => {$(
        impl Wire for skink_model::$name {
            type Word = skink_api::$name;
            fn wire(self) -> Self::Word {
                match self { $(Self::$variant => skink_api::$name::$variant),+ }
            }
        }

        impl Unwire for skink_api::$name {
            type Word = skink_model::$name;
            fn unwire(self) -> Self::Word {
                match self { $(Self::$variant => skink_model::$name::$variant),+ }
            }
        }
    )+};
}

/// From the model to the wire.
pub(crate) trait Wire {
    /// The wire's word.
    type Word;
    /// The same word on the wire.
    fn wire(self) -> Self::Word;
}

/// From the wire to the model.
pub(crate) trait Unwire {
    /// The model's word.
    type Word;
    /// The same word in the model.
    fn unwire(self) -> Self::Word;
}

same! {
    Role { Viewer, Operator, PkiLead, Ciso, Auditor }
    AuthorityState { Pending, Prepared, Active, Retiring, Retired, Tainted, Revoked, Distrusted }
    Mechanism { Anchor, ParentCrl, Deny, None }
    EndpointRole { Server, Client }
    Criticality { High, Normal, Low }
    Channel { Api, Agent, Cli, Acme, Internal }
    Plan { Authority, Rotation }
    Policy { Cutover, Immediate }
    Severity { Sev1, Sev2, Sev3, Sev4 }
    Trigger { Copied, Used, UnauthorisedIssuance, Host, Algorithm, Planned }
    IncidentState { Open, Held, StoodDown, Closed }
}
