//! What to try when a key's provider did not do what it was asked, and what the exit code says.

use skink_signer::{KeyUri, ProviderError};

use crate::Exit;

pub(super) fn exit(source: &ProviderError) -> Exit {
    use ProviderError as P;
    match source {
        P::KeyNotRead(below) => exit(below),
        P::BadName { .. }
        | P::BadUri { .. }
        | P::NotConfigured { .. }
        | P::BadContext { .. }
        | P::PlaintextTooLong { .. }
        | P::UnsupportedAlgorithm(_) => Exit::Usage,
        P::UnknownKey { .. }
        | P::Disabled { .. }
        | P::Locked { .. }
        | P::Destroyed { .. }
        | P::NameTaken { .. }
        | P::Unsupported { .. }
        | P::ForeignCiphertext { .. }
        | P::WrongAlgorithm { .. }
        | P::Refused { .. } => Exit::Refused,
        P::CredentialExpired { .. }
        | P::CredentialRefused { .. }
        | P::WrongCredential { .. }
        | P::EnablingRefused { .. } => Exit::NotAllowed,
        P::Unreachable(_)
        | P::Interrupted
        | P::Late { .. }
        | P::Faulted { .. }
        | P::TokenAbsent { .. } => Exit::Unreachable,
        P::Throttled { .. } => Exit::Later,
        _ => Exit::Failed,
    }
}

pub(super) fn hint(key: &KeyUri, source: &ProviderError) -> Option<String> {
    use ProviderError as P;
    let say = match source {
        P::KeyNotRead(below) => return hint(key, below),
        P::UnknownKey { .. } => unknown(key.scheme()),
        P::Disabled { .. } => {
            "`skink key enable` lets it sign again, by another credential than the one that signs"
        }
        P::Locked { .. } => "a standby signs once its kit is opened: `skink incident release-kit`",
        P::Destroyed { .. } => "nothing brings it back; `skink key create` makes another",
        P::NameTaken { .. } => "`skink key show` tells what has the name; choose another",
        P::BadName { .. } | P::BadUri { .. } => shape(key.scheme()),
        P::CredentialRefused { .. } | P::WrongCredential { .. } => {
            "name another with --key-credential-file, or by the variables of the service's own tools"
        }
        P::CredentialExpired { .. } => "log in again, or name another with --key-credential-file",
        P::EnablingRefused { .. } => enabling(key.scheme()),
        P::NotConfigured { .. } => place(key.scheme()),
        P::UnsupportedAlgorithm(_) => "every provider makes p256",
        P::Unsupported { call, .. } => unsupported(call),
        P::PlaintextTooLong { .. } => {
            "encrypt it with a data key, and wrap that: `skink key data-key` makes one"
        }
        P::ForeignCiphertext { .. } => {
            "is it the right key, and the context that it was encrypted with (--aad, --context)?"
        }
        P::BadContext { .. } => "--aad gives bytes, --context NAME=VALUE what AWS takes",
        P::Throttled { .. } => "wait, and try again",
        P::Unreachable(_) => "is the service up, and its address right?",
        P::TokenAbsent { .. } => {
            "is the token there, and does PKCS11_MODULE_PATH name its library?"
        }
        P::Interrupted | P::Late { .. } | P::Faulted { .. } => {
            "nobody knows whether it was done: look with `skink key show`"
        }
        _ => return None,
    };
    Some(say.to_owned())
}

fn unknown(scheme: &str) -> &'static str {
    match scheme {
        "vault" => {
            "is the name right, and the engine mounted there? `bao secrets enable transit` mounts \
             one, `skink key create` makes a key"
        }
        _ => "is the name right? `skink key create` makes a key",
    }
}

fn shape(scheme: &str) -> &'static str {
    match scheme {
        "vault" => "write vault:MOUNT/NAME, for example vault:transit/issuer-1",
        "pkcs11" => {
            "write pkcs11:token=LABEL;object=NAME, in quotes: a shell ends at the semicolon"
        }
        "awskms" => "write awskms:alias/NAME, or the key's ARN after awskms:",
        "gcpkms" => "write gcpkms:projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/NAME",
        _ => "write PROVIDER:NAME, for example software:try-1 or vault:transit/issuer-1",
    }
}

fn place(scheme: &str) -> &'static str {
    match scheme {
        "vault" => {
            "BAO_ADDR names the server, BAO_TOKEN or --key-credential-file the token (or VAULT_…)"
        }
        "pkcs11" => {
            "PKCS11_MODULE_PATH names the token's library, PKCS11_PIN or --key-credential-file the \
             PIN"
        }
        "awskms" | "gcpkms" | "azurekv" => {
            "the service's own variables say where it is and who you are; a program without this \
             provider was built without its feature"
        }
        _ => "the providers are software, vault, pkcs11, and awskms where it was built in",
    }
}

fn enabling(scheme: &str) -> &'static str {
    match scheme {
        "pkcs11" => "a token's key is disabled for good: make another with `skink key create`",
        "software" => {
            "it takes enabling.key, which `skink init` wrote into the root's folder: give it with \
             --key-credential-file"
        }
        _ => "it takes the credential of an approver: give it with --key-credential-file",
    }
}

fn unsupported(call: &str) -> &'static str {
    match call {
        "retire" => "this service stops no versions: disable or destroy the old key by its tools",
        "rotate" => {
            "make another key with `skink key create`; `skink incident declare --plan rotation` \
             carries an issuer over to a next generation"
        }
        "soft-delete" => {
            "HashiCorp Vault has no call that stops a key: name with --signing-policy the policy by \
             which its users sign"
        }
        "schedule_destruction" => "this provider destroys at once: leave --after out",
        "cancel_destruction" => "this provider destroys at once: there is nothing to take back",
        "destroy" => "`skink key disable` stops it; its service destroys it by its own tools",
        _ => "this provider's service has no such call",
    }
}

#[cfg(test)]
mod tests {
    use skink_signer::Answer;

    use super::*;

    #[test]
    fn who_must_act_is_in_the_exit_code_and_the_hint() {
        let key: KeyUri = "vault:transit/a".parse().unwrap();
        let unknown = ProviderError::UnknownKey { key: key.clone() };
        assert_eq!(exit(&unknown), Exit::Refused);
        assert!(hint(&key, &unknown).unwrap().contains("bao secrets enable transit"));
        let answer = Box::new(Answer::of_code("vault:403"));
        let refused = ProviderError::CredentialRefused { answer };
        assert_eq!(exit(&refused), Exit::NotAllowed);
        let below = ProviderError::KeyNotRead(Box::new(ProviderError::Interrupted));
        assert_eq!(exit(&below), Exit::Unreachable);
        assert!(hint(&key, &below).is_some());
    }
}
