//! What a library's return codes mean.

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

use super::SCHEME;
use crate::provider::{Answer, ProviderError};
use crate::uri::KeyUri;

/// Whether the session or the token is gone, and nothing has been signed: worth a new session.
pub(super) fn is_gone(error: &Error) -> bool {
    let Error::Pkcs11(rv, function) = error else { return false };
    !matches!(function, Function::Sign | Function::GenerateKeyPair) && is_absence(*rv)
}

const fn is_absence(rv: RvError) -> bool {
    matches!(
        rv,
        RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::SlotIdInvalid
            | RvError::UserNotLoggedIn
            | RvError::CryptokiNotInitialized
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
    )
}

pub(super) fn provider_error(key: &KeyUri, error: &Error) -> ProviderError {
    let answer = Box::new(answer(error));
    let Error::Pkcs11(rv, function) = error else { return ProviderError::Refused { answer } };
    match rv {
        RvError::KeyFunctionNotPermitted => ProviderError::Disabled { key: key.clone(), answer },
        RvError::PinIncorrect | RvError::PinLocked | RvError::PinInvalid => {
            ProviderError::CredentialRefused { answer }
        }
        RvError::PinExpired => ProviderError::CredentialExpired { answer },
        // In the middle of a signature, it may be out.
        _ if matches!(function, Function::Sign) => ProviderError::Faulted { answer },
        _ if is_absence(*rv) => ProviderError::TokenAbsent { key: key.clone(), answer },
        RvError::GeneralError
        | RvError::FunctionFailed
        | RvError::DeviceError
        | RvError::DeviceMemory
        | RvError::HostMemory => ProviderError::TokenAbsent { key: key.clone(), answer },
        _ => ProviderError::Refused { answer },
    }
}

/// The library's words, its code among them: `pkcs11:KeyFunctionNotPermitted`.
pub(super) fn answer(error: &Error) -> Answer {
    let code = match error {
        Error::Pkcs11(rv, _) => format!("{SCHEME}:{rv:?}"),
        _ => format!("{SCHEME}:library"),
    };
    let message = match error {
        Error::Pkcs11(_, function) => format!("in C_{function:?}"),
        other => other.to_string(),
    };
    Answer { code, message, request_id: None }
}
