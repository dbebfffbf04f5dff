//! The connection strings of a deployment's clusters, by name.

use aisoc_model::ClusterName;

/// At least one; the first is where tenants are that are given no other.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterUrls {
    first: (ClusterName, String),
    others: Vec<(ClusterName, String)>,
}

impl std::fmt::Debug for ClusterUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Passwords stay out of logs.
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl ClusterUrls {
    /// A deployment with one cluster.
    #[must_use]
    pub fn one(url: impl Into<String>) -> Self {
        Self {
            first: (ClusterName::default(), url.into()),
            others: Vec::new(),
        }
    }

    /// Several, in this order.
    ///
    /// # Errors
    /// A sentence, when there is none or two have one name.
    pub fn several(urls: Vec<(ClusterName, String)>) -> Result<Self, String> {
        for (index, (name, _)) in urls.iter().enumerate() {
            if urls.iter().skip(index + 1).any(|(other, _)| other == name) {
                return Err(format!(
                    "the database cluster '{name}' is given two connection strings; give each cluster one"
                ));
            }
        }
        let mut urls = urls.into_iter();
        let first = urls
            .next()
            .ok_or("no database cluster is named; give at least one NAME=URL")?;
        Ok(Self {
            first,
            others: urls.collect(),
        })
    }

    pub(super) fn first(&self) -> (&ClusterName, &str) {
        (&self.first.0, &self.first.1)
    }

    pub(super) fn others(&self) -> impl Iterator<Item = (&ClusterName, &str)> {
        self.others.iter().map(|(name, url)| (name, url.as_str()))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&ClusterName, &str)> {
        std::iter::once(self.first()).chain(self.others())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cluster_has_one_url_and_none_is_printed() {
        let named = |names: &[&str]| {
            let urls = names
                .iter()
                .map(|n| (n.parse().unwrap(), format!("postgres://a:secret@{n}/d")));
            ClusterUrls::several(urls.collect())
        };
        let two = named(&["main", "eu"]).unwrap();
        assert_eq!(format!("{two:?}"), "[ClusterName(\"main\"), ClusterName(\"eu\")]");
        assert_eq!(two.iter().count(), 2);
        assert!(named(&["main", "eu", "main"]).unwrap_err().contains("'main'"));
        assert!(named(&[]).is_err());
        assert_eq!(ClusterUrls::one("x").first().0.as_str(), "main");
    }
}
