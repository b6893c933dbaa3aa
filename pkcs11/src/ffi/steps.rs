//! The macros that turn a declaration of `entry.rs` into a C function.
//!
//! A declaration is the C signature and the steps between it and the core:
//!
//! | step | meaning |
//! | --- | --- |
//! | `unsupported` | the function answers `CKR_FUNCTION_NOT_SUPPORTED` |
//! | `uninitialized` | the function works before `C_Initialize` (every other one checks first) |
//! | `library l` | `l` is the running library |
//! | `session s(handle)` | `s` is the open session of the handle |
//! | `ends(CKF_…)` | bad arguments end this operation of the session named before |
//! | `in data(p, len)` | `data: &[u8]` |
//! | `out room(p, len)` | `room: Option<&mut [u8]>`, `None` for a length query; must be last |
//! | `fill room(p, len)` | `room: &mut [u8]`, to be filled whole; must be last |
//! | `place v(p)` | `v.set(value)` writes one value back |
//! | `list l(p, count)`, `handles h(p, max)` | `l.set(…)`, `h.set(…)` write values back |
//! | `label text(p)` | `text: [u8; 32]` |
//! | `template t(p, count)` | `t: Template` |
//! | `attributes a(p, count)` | `a.fill(&object)` answers the template |
//! | `mechanism m(p)` | `m: Mechanism` |
//! | `cancellable m(p)` | `m: Option<Mechanism>`; `None` cancels the operation |
//! | `=> expression` | what to do: a `Result<(), _>`, or with `out` the bytes written |

/// One C function.
macro_rules! ck_fn {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) { unsupported }) => {
        ck_fn!(@ $(#[$doc])* fn $name($($arg: $ty),*) {{
            process::library()?;
            $(let _ = $arg;)*
            Err(hsm_core::Error::FunctionNotSupported(stringify!($name)).into())
        }});
    };
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) { uninitialized $($steps:tt)* }) => {
        ck_fn!(@ $(#[$doc])* fn $name($($arg: $ty),*) { ck_steps!([] $($steps)*) });
    };
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) { $($steps:tt)* }) => {
        ck_fn!(@ $(#[$doc])* fn $name($($arg: $ty),*) {{
            process::library()?;
            ck_steps!([] $($steps)*)
        }});
    };
    (@ $(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) { $body:expr }) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As the function's section of PKCS#11 has it: pointers are null, or lead to memory of the
        /// length that goes with them, which no one else writes during the call.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $ty),*) -> CK_RV {
            enter(stringify!($name), || $body)
        }
    };
}

/// The steps of a declaration, first to last. In brackets: the inputs so far, which become slices
/// only when it is known whether an output overlaps them.
macro_rules! ck_steps {
    ($inputs:tt library $name:ident $($rest:tt)*) => {{
        let $name = process::library()?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt session $name:ident($handle:ident) ends($operation:ident) $($rest:tt)*) => {{
        let $name = process::library()?.session($handle)?.session;
        ending(&*$name, $operation, || ck_steps!($inputs $($rest)*))
    }};
    ($inputs:tt session $name:ident($handle:ident) $($rest:tt)*) => {{
        let $name = process::library()?.session($handle)?.session;
        ck_steps!($inputs $($rest)*)
    }};
    ([$($input:ident)*] in $name:ident($start:ident, $len:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes a readable buffer of this length or null (PKCS#11 v3.2 section 5.2); it can only be
        // written through this call's `out`, from which every input is taken apart below.
        let $name = unsafe { Input::new($start, $len) }?;
        ck_steps!([$($input)* $name] $($rest)*)
    }};
    ([$($input:ident)*] out $name:ident($start:ident, $len:ident) => $body:expr) => {{
        // SAFETY: the caller passes null or a writable buffer with its length (PKCS#11 v3.2 section 5.2).
        let mut output = unsafe { Output::new($start, $len) }?;
        $(let $input = $input.apart_from(&output);)*
        let outcome = {
            $(let $input: &[u8] = &$input;)*
            let $name = output.room();
            $body
        };
        output.finish(outcome)
    }};
    ($inputs:tt fill $name:ident($start:ident, $len:ident) => $body:expr) => {{
        // SAFETY: the caller passes null or a writable buffer of this length, which no one else uses during the call.
        let $name = unsafe { whole($start, $len) }?;
        $body?;
        Ok(())
    }};
    ($inputs:tt place $name:ident($at:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or a pointer to where the result goes.
        let $name = unsafe { Place::new($at) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt list $name:ident($start:ident, $count:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or a writable array with its count.
        let $name = unsafe { List::new($start, $count) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt handles $name:ident($start:ident, $max:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or a writable array of this many handles.
        let $name = unsafe { Handles::new($start, $max) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt label $name:ident($start:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or 32 bytes of blank-padded text.
        let $name = unsafe { fixed::<32>($start) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt template $name:ident($start:ident, $count:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or an array of this many attributes with readable values.
        let $name = unsafe { template::read($start, $count) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt attributes $name:ident($start:ident, $count:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or an array of this many attributes with writable values.
        let $name = unsafe { Attributes::new($start, $count) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt mechanism $name:ident($at:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or a mechanism with the parameter that belongs to it.
        let $name = unsafe { params::mechanism($at) }?
            .ok_or(hsm_core::Error::ArgumentsBad("the mechanism is null"))?;
        ck_steps!($inputs $($rest)*)
    }};
    ($inputs:tt cancellable $name:ident($at:ident) $($rest:tt)*) => {{
        // SAFETY: the caller passes null or a mechanism with the parameter that belongs to it.
        let $name = unsafe { params::mechanism($at) }?;
        ck_steps!($inputs $($rest)*)
    }};
    ([$($input:ident)*] => $body:expr) => {{
        $(let $input = $input.bytes();)*
        $body?;
        Ok(())
    }};
}

/// All C functions, grouped by the version of PKCS#11 that brought them: the functions themselves,
/// the three function lists, and the table behind `docs/functions.md`.
///
/// A function that is declared and not in the standard's list, or the other way round, does not
/// compile.
macro_rules! ck_functions {
    (
        since 2.40 { $( $(#[doc = $doc_2:literal])* fn $name_2:ident $args_2:tt $steps_2:tt )* }
        since 3.0 { $( $(#[doc = $doc_30:literal])* fn $name_30:ident $args_30:tt $steps_30:tt )* }
        since 3.2 { $( $(#[doc = $doc_32:literal])* fn $name_32:ident $args_32:tt $steps_32:tt )* }
    ) => {
        $( ck_fn!($(#[doc = $doc_2])* fn $name_2 $args_2 $steps_2); )*
        $( ck_fn!($(#[doc = $doc_30])* fn $name_30 $args_30 $steps_30); )*
        $( ck_fn!($(#[doc = $doc_32])* fn $name_32 $args_32 $steps_32); )*

        /// The functions of PKCS#11 2.40.
        pub(crate) static FUNCTIONS_2_40: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            $($name_2: Some($name_2),)*
        };

        /// The functions of PKCS#11 3.0.
        pub(crate) static FUNCTIONS_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
            version: CK_VERSION { major: 3, minor: 0 },
            $($name_2: Some($name_2),)*
            $($name_30: Some($name_30),)*
        };

        /// The functions of PKCS#11 3.2.
        pub(crate) static FUNCTIONS_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            $($name_2: Some($name_2),)*
            $($name_30: Some($name_30),)*
            $($name_32: Some($name_32),)*
        };

        /// All functions, for the documentation.
        #[cfg(test)]
        pub(crate) static FUNCTIONS: &[Function] = &[
            $(Function { name: stringify!($name_2), since: "2.40", offered: ck_offered!($steps_2), summary: concat!($($doc_2),*) },)*
            $(Function { name: stringify!($name_30), since: "3.0", offered: ck_offered!($steps_30), summary: concat!($($doc_30),*) },)*
            $(Function { name: stringify!($name_32), since: "3.2", offered: ck_offered!($steps_32), summary: concat!($($doc_32),*) },)*
        ];
    };
}

/// Whether a declaration does more than say no.
#[cfg(test)]
macro_rules! ck_offered {
    ({ unsupported }) => {
        false
    };
    ({ $($steps:tt)* }) => {
        true
    };
}

#[cfg(test)]
pub(super) use ck_offered;
pub(super) use {ck_fn, ck_functions, ck_steps};
