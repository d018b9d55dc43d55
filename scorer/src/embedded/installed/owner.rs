//! Whom the server runs as: PostgreSQL refuses to run as root.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use crate::embedded::EmbeddedError;

const ROOT: u32 = 0;
/// Existing users without privileges, best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The user that runs the server and owns its files; `None` inside when it is the present one.
#[derive(Debug)]
pub(super) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// The present user, as seen from a directory just created, or an unprivileged one if that is
    /// root.
    pub(super) fn of_server(created: &Path) -> Result<Self, EmbeddedError> {
        let present = fs::metadata(created)
            .map_err(EmbeddedError::io("cannot read", created))?
            .uid();
        if present != ROOT {
            return Ok(Self(None));
        }
        let users = Path::new("/etc/passwd");
        let text = fs::read_to_string(users).map_err(EmbeddedError::io("cannot read", users))?;
        UNPRIVILEGED
            .iter()
            .find_map(|name| ids(&text, name))
            .map(|ids| Self(Some(ids)))
            .ok_or(EmbeddedError::NoUnprivilegedUser("postgres or nobody"))
    }

    /// Makes the server the owner of a file or directory.
    pub(super) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self.0 {
            Some((user, group)) => chown(path, Some(user), Some(group))
                .map_err(EmbeddedError::io("cannot change the owner of", path)),
            None => Ok(()),
        }
    }

    /// Makes a command run as the server's user.
    pub(super) fn run(&self, command: &mut Command) {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }
}

/// User and group id of a name in the format of `/etc/passwd`.
fn ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let fields: Vec<_> = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgresql:x:7:8::/:/bin/sh\n\
                      postgres:x:101:104::/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids(passwd, "postgres"), Some((101, 104)));
        assert_eq!(ids(passwd, "nobody"), None);
    }
}
