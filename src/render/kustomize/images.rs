//! `images`: new names, tags and digests for container images (render.md 2.8).

use super::config::FieldSpec;
use super::entries::Image;
use super::error::Cause;
use super::fields::{Make, walk};
use super::pattern::ImageName;
use super::resmap::ResMap;
use super::resource::retext;
use crate::yaml::{Mark, Node, Value};

/// Rewrites matching images: first in every list named `containers` or `initContainers` at any depth, then
/// where the field specs say.
pub fn run(objects: &mut ResMap, image: &Image, specs: &[FieldSpec]) -> Result<(), Cause> {
    let update = Update::new(image)?;
    for resource in objects.list_mut() {
        if &*resource.id.gvk.kind == "CustomResourceDefinition" {
            continue;
        }
        let mut found = Vec::new();
        places(&resource.body, &update, &mut Vec::new(), &mut found);
        for place in found {
            if let Some(image) = at_place(&mut resource.body, &place) {
                update.set(image);
            }
        }
        for spec in specs {
            walk(resource, spec, Make::Nothing, &mut |node| {
                update.set(node);
                Ok(())
            })?;
        }
    }
    Ok(())
}

struct Update<'a> {
    image: &'a Image,
    pattern: ImageName,
    mark: Mark,
}

/// Where an entry says what the image becomes: the tag or digest, else the name, else the suffix, else nothing but
/// itself. Digest and tag are both written if both are given; the tag stands in front (render.md 2.8).
fn said_at(image: &Image) -> Mark {
    let said = [&image.new_tag, &image.digest, &image.new_name, &image.tag_suffix];
    said.into_iter().find(|text| !text.is_empty()).map_or(&image.mark, |text| &text.mark).clone()
}

impl<'a> Update<'a> {
    fn new(image: &'a Image) -> Result<Self, Cause> {
        // The name is used as a regular expression, unescaped: upstream's doing, and relied upon.
        let pattern = ImageName::new(&image.name).map_err(|_| Cause::Transformer {
            transformer: "images",
            what: format!("the name `{}` is no regular expression", &*image.name),
        })?;
        Ok(Self { image, pattern, mark: said_at(image) })
    }

    fn matches(&self, node: &Node) -> bool {
        node.scalar_text().is_some_and(|text| self.pattern.is_match(text))
    }

    fn set(&self, node: &mut Node) {
        if self.matches(node) {
            let new = rewritten(node.scalar_text().unwrap_or(""), self.image);
            retext(node, &new);
            node.mark = self.mark.clone();
        }
    }
}

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// A place in an object: the number of an entry or item at each level.
type Place = Vec<usize>;

/// The images below that match. They are looked for first, so that only the way to them is copied for changing.
fn places(node: &Node, update: &Update<'_>, at: &mut Place, found: &mut Vec<Place>) {
    match &node.value {
        Value::Seq(items) => {
            for (number, item) in items.iter().enumerate() {
                at.push(number);
                places(item, update, at, found);
                at.pop();
            }
        }
        Value::Map(map) => {
            for (number, entry) in map.entries.iter().enumerate() {
                at.push(number);
                places(&entry.value, update, at, found);
                if LISTS.contains(&&*entry.key.text) {
                    found.extend(listed(&entry.value, update).map(|end| [&**at, &end].concat()));
                }
                at.pop();
            }
        }
        Value::Scalar(_) | Value::Secret(_) => {}
    }
}

/// The images of one list of containers that match: container and entry.
fn listed<'n>(list: &'n Node, update: &'n Update<'_>) -> impl Iterator<Item = [usize; 2]> + 'n {
    list.as_seq().into_iter().flatten().enumerate().filter_map(|(number, item)| {
        let entries = &item.as_map()?.entries;
        let image = entries.iter().position(|entry| &*entry.key.text == "image")?;
        update.matches(&entries[image].value).then_some([number, image])
    })
}

fn at_place<'n>(body: &'n mut Node, place: &[usize]) -> Option<&'n mut Node> {
    place.iter().try_fold(body, |node, number| match node.value {
        Value::Seq(_) => node.as_seq_mut()?.get_mut(*number),
        _ => Some(&mut node.as_map_mut()?.entries.get_mut(*number)?.value),
    })
}

fn rewritten(old: &str, image: &Image) -> String {
    let (name, mut tag, mut digest) = parts(old);
    let name = if image.new_name.is_empty() { name } else { &image.new_name };
    let suffixed;
    match (&*image.new_tag, &*image.digest, &*image.tag_suffix) {
        ("", "", "") => {}
        ("", "", suffix) => {
            suffixed = format!("{tag}{suffix}");
            (tag, digest) = (&suffixed, "");
        }
        (new_tag, new_digest, _) => (tag, digest) = (new_tag, new_digest),
    }
    let mut new = name.to_owned();
    if !tag.is_empty() {
        new = format!("{new}:{tag}");
    }
    if !digest.is_empty() {
        new = format!("{new}@{digest}");
    }
    new
}

/// Name, tag and digest. A colon counts only after the first slash: a registry may have a port.
pub fn parts(image: &str) -> (&str, &str, &str) {
    let from = image.find('/').filter(|slash| *slash > 0).unwrap_or(0);
    let at = image[from..].find('@').map(|i| i + from);
    let colon = image[from..].find(':').map(|i| i + from).filter(|c| at.is_none_or(|a| *c < a));
    match (colon, at) {
        (None, None) => (image, "", ""),
        (None, Some(a)) => (&image[..a], "", &image[a + 1..]),
        (Some(c), Some(a)) => (&image[..c], &image[c + 1..a], &image[a + 1..]),
        (Some(c), None) => (&image[..c], &image[c + 1..], ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::decode::Text;

    #[test]
    fn images_are_split_at_the_right_colon() {
        assert_eq!(parts("nginx"), ("nginx", "", ""));
        assert_eq!(parts("host:5000/a/nginx:1.2"), ("host:5000/a/nginx", "1.2", ""));
        assert_eq!(parts("a/b:1@sha256:ff"), ("a/b", "1", "sha256:ff"));
        assert_eq!(parts("a/b@sha256:ff"), ("a/b", "", "sha256:ff"));
    }

    #[test]
    fn a_new_tag_drops_the_digest_and_a_digest_the_tag() {
        let text = |t: &str| Text::made(t);
        let tag = Image { new_tag: text("2"), ..Image::default() };
        assert_eq!(rewritten("a/b:1@sha256:ff", &tag), "a/b:2");
        let digest = Image { digest: text("sha256:00"), ..Image::default() };
        assert_eq!(rewritten("a/b:1", &digest), "a/b@sha256:00");
        let suffix = Image { tag_suffix: text("-x"), new_name: text("c"), ..Image::default() };
        assert_eq!(rewritten("a/b:1@sha256:ff", &suffix), "c:1-x");
    }
}
