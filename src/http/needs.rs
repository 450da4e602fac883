//! What each address asks for: the one table. Pure.
//!
//! With keys, only what is in it is served below the first parts that are [guarded](GUARDED): a route that was forgotten here
//! is not there. A test holds the table against the routes, and another walks over all of it.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::access::Need;
use crate::id::RoomName;

/// How guarded addresses begin. All others, the page and its libraries, are for everybody; Socket.IO has tokens in `join`.
const GUARDED: [&str; 5] = ["api", "hls", "whep", "whip", "metrics"];

/// An address, and what it asks for.
#[derive(Debug)]
pub struct Route {
    /// The method; `GET` is `HEAD` too, and `*` is any that no row before has.
    pub method: &'static str,
    /// The path, its parts that vary in braces.
    pub path: &'static str,
    /// What it asks for.
    pub asks: Asks,
    /// Whether the token may be in the query, as `token`: for what players and pages load by its address alone.
    pub by_query: bool,
}

/// What an address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: it holds a secret of its own, or says nothing of anybody.
    Nothing,
    /// A grant for the room `{room}`; where there is none, for the whole server.
    Grant(Need),
    /// A grant for the room in which the recording `{id}` was made.
    OfRecording(Need),
    /// A grant for the room that the query names, else for the whole server.
    OfQuery(Need),
}

const fn route(method: &'static str, path: &'static str, asks: Asks) -> Route {
    Route { method, path, asks, by_query: false }
}

const fn loaded(path: &'static str, asks: Asks) -> Route {
    Route { method: "GET", path, asks, by_query: true }
}

/// All guarded addresses.
pub const ROUTES: &[Route] = &[
    // The secret of the one who leaves is in the body.
    route("POST", "/api/v1/rooms/{room}/leave", Asks::Nothing),
    route("POST", "/api/v1/rooms/{room}/recordings", Asks::Grant(Need::Direct)),
    route("GET", "/api/v1/rooms/{room}/mixes", Asks::Grant(Need::Direct)),
    route("POST", "/api/v1/rooms/{room}/mixes", Asks::Grant(Need::Direct)),
    route("GET", "/api/v1/rooms/{room}/mixes/{mix}", Asks::Grant(Need::Direct)),
    route("PATCH", "/api/v1/rooms/{room}/mixes/{mix}", Asks::Grant(Need::Direct)),
    route("DELETE", "/api/v1/rooms/{room}/mixes/{mix}", Asks::Grant(Need::Direct)),
    loaded("/api/v1/rooms/{room}/mixes/{mix}/snapshot.jpg", Asks::Grant(Need::Direct)),
    route("GET", "/api/v1/rooms/{room}/outputs", Asks::Grant(Need::Direct)),
    route("POST", "/api/v1/rooms/{room}/outputs", Asks::Grant(Need::Direct)),
    route("GET", "/api/v1/rooms/{room}/outputs/{output}", Asks::Grant(Need::Direct)),
    route("DELETE", "/api/v1/rooms/{room}/outputs/{output}", Asks::Grant(Need::Direct)),
    route("GET", "/api/v1/recordings", Asks::OfQuery(Need::Recordings)),
    route("GET", "/api/v1/recordings/{id}", Asks::OfRecording(Need::Recordings)),
    route("DELETE", "/api/v1/recordings/{id}", Asks::OfRecording(Need::Direct)),
    route("POST", "/api/v1/recordings/{id}/stop", Asks::OfRecording(Need::Direct)),
    route("POST", "/api/v1/recordings/{id}/pause", Asks::OfRecording(Need::Direct)),
    route("POST", "/api/v1/recordings/{id}/resume", Asks::OfRecording(Need::Direct)),
    route("POST", "/api/v1/recordings/{id}/upload", Asks::OfRecording(Need::Direct)),
    route("GET", "/api/v1/recordings/{id}/manifest", Asks::OfRecording(Need::Recordings)),
    loaded("/api/v1/recordings/{id}/thumbnail", Asks::OfRecording(Need::Recordings)),
    loaded("/api/v1/recordings/{id}/file", Asks::OfRecording(Need::Recordings)),
    loaded("/api/v1/recordings/{id}/files/{name}", Asks::OfRecording(Need::Recordings)),
    route("GET", "/api/v1/schemas/recording", Asks::Grant(Need::Any)),
    route("GET", "/api/v1/rooms/{room}/graph", Asks::Grant(Need::Direct)),
    route("GET", "/metrics", Asks::Grant(Need::List)),
    loaded("/hls/{room}/{mix}/{name}", Asks::Grant(Need::Watch)),
    route("POST", "/whep/{room}/{mix}", Asks::Grant(Need::Watch)),
    // What such an address is, and what a page of another origin asks before it posts.
    route("*", "/whep/{room}/{mix}", Asks::Nothing),
    // The address is a secret: whoever has it was let in, and a token that has expired since must not keep a session.
    route("*", "/whep/{room}/{mix}/{session}", Asks::Nothing),
    route("POST", "/whip/{room}", Asks::Grant(Need::Send)),
    route("*", "/whip/{room}", Asks::Nothing),
    route("*", "/whip/{room}/{session}", Asks::Nothing),
];

/// What an address is.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Not guarded.
    Free,
    /// Guarded, and not in the table.
    Unknown,
    /// In the table, but not with that method.
    OtherMethod,
    /// In the table.
    Route {
        route: &'static Route,
        /// What stands for `{room}`, where it is the name of one.
        room: Option<RoomName>,
        /// What stands for `{id}`.
        id: Option<&'a str>,
    },
}

/// Looks an address up.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let path = path.strip_prefix('/').unwrap_or(path);
    // As the routes do.
    let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    if !parts.first().is_some_and(|first| GUARDED.contains(first)) {
        return Found::Free;
    }
    let mut found = Found::Unknown;
    for route in ROUTES {
        let patterns = || route.path.split('/').skip(1);
        let fits = |(pattern, part): (&str, &&str)| pattern == *part || (pattern.starts_with('{') && !part.is_empty());
        if patterns().count() != parts.len() || !patterns().zip(&parts).all(fits) {
            continue;
        }
        if !takes(route.method, method) {
            found = Found::OtherMethod;
            continue;
        }
        let part = |name: &str| patterns().position(|pattern| pattern == name).map(|index| parts[index]);
        let room = part("{room}").and_then(|room| RoomName::parse(&percent_decode_str(room).decode_utf8_lossy()).ok());
        return Found::Route { route, room, id: part("{id}") };
    }
    found
}

fn takes(row: &str, method: &Method) -> bool {
    row == "*" || row == method.as_str() || (row == "GET" && method == Method::HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Option<(&'static str, Option<String>, Option<String>)> {
        match find(&method.parse().expect("a method"), path) {
            Found::Route { route, room, id } => {
                Some((route.path, room.map(|room| room.to_string()), id.map(str::to_owned)))
            }
            _ => None,
        }
    }

    #[test]
    fn addresses_are_found_by_their_parts() {
        let room = |path| Some((path, Some("tea & cake".to_owned()), None));
        let path = "/api/v1/rooms/tea%20%26%20cake/recordings";
        assert_eq!(found("POST", path), room("/api/v1/rooms/{room}/recordings"));
        assert_eq!(
            found("POST", "/api/v1/rooms/tea%20%26%20cake/recordings/"),
            room("/api/v1/rooms/{room}/recordings")
        );
        let of = |path| Some((path, None, Some("01h8".to_owned())));
        assert_eq!(found("HEAD", "/api/v1/recordings/01h8/file"), of("/api/v1/recordings/{id}/file"));
        // What is no room's name is none.
        assert_eq!(found("GET", "/hls/%0a/default/index.m3u8"), Some(("/hls/{room}/{mix}/{name}", None, None)));
    }

    #[test]
    fn what_is_not_in_the_table_is_not_there() {
        let is = |method: &str, path: &str| match find(&method.parse().expect("a method"), path) {
            Found::Free => "free",
            Found::Unknown => "unknown",
            Found::OtherMethod => "other",
            Found::Route { .. } => "route",
        };
        for (method, path, what) in [
            ("GET", "/", "free"),
            ("GET", "/recordings", "free"),
            ("GET", "/healthz", "free"),
            ("GET", "/socket.io/", "free"),
            ("GET", "/api", "unknown"),
            ("GET", "/api/v1/secrets", "unknown"),
            ("GET", "//api/v1/recordings", "free"),
            ("GET", "/api//v1/recordings", "unknown"),
            ("GET", "/api/v1/rooms//mixes", "unknown"),
            ("GET", "/hls/tea/default", "unknown"),
            ("PUT", "/api/v1/recordings", "other"),
            ("OPTIONS", "/api/v1/recordings", "other"),
            ("OPTIONS", "/whip/tea", "route"),
            ("PATCH", "/whip/tea/secret", "route"),
        ] {
            assert_eq!(is(method, path), what, "{method} {path}");
        }
    }

    /// The paths that the files beside this one serve, as they are written there: `warp::path!("api" / "v1" / String)`.
    fn served() -> Vec<(String, Vec<String>)> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
        let mut served = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            if path.ends_with("needs.rs") {
                continue;
            }
            for written in text.split("warp::path!(").skip(1).filter_map(|rest| rest.split(')').next()) {
                let parts = written.split('/').map(|part| part.trim().trim_matches('"').to_owned()).collect();
                served.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), parts));
            }
        }
        served
    }

    #[test]
    fn every_route_is_in_the_table() {
        let served = served();
        assert!(served.len() > 20, "the routes were not found: {served:?}");
        let guarded = served.iter().filter(|(_, parts)| GUARDED.contains(&parts[0].as_str()));
        for (file, parts) in guarded {
            let same =
                |(pattern, part): (&str, &String)| pattern == part || (pattern.starts_with('{') && part == "String");
            let known = ROUTES.iter().any(|route| {
                let patterns: Vec<_> = route.path.split('/').skip(1).collect();
                patterns.len() == parts.len() && patterns.into_iter().zip(parts).all(same)
            });
            assert!(known, "{file} serves {parts:?}: say in the table what it asks for");
        }
    }
}
