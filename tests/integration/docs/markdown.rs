//! As much of Markdown as the documents use: headings, links, code spans and fenced blocks.

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The first word after the fence.
    pub language: String,
    /// The fence has the word `example`: the block is shown and not run.
    pub example: bool,
    pub lines: Vec<String>,
}

/// A document.
pub struct Page {
    /// As they stand in the file.
    lines: Vec<String>,
    /// Those outside of fenced blocks.
    prose: Vec<String>,
    blocks: Vec<Block>,
}

impl Page {
    pub fn parse(text: &str) -> Self {
        let mut this = Self {
            lines: text.lines().map(str::to_owned).collect(),
            prose: Vec::new(),
            blocks: Vec::new(),
        };
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(words), None) => {
                    let mut words = words.split_whitespace();
                    open = Some(Block {
                        language: words.next().unwrap_or_default().to_owned(),
                        example: words.next() == Some("example"),
                        lines: Vec::new(),
                    });
                }
                (Some(_), Some(_)) => this.blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(line.to_owned()),
                (None, None) => this.prose.push(line.to_owned()),
            }
        }
        assert!(open.is_none(), "a block has no end: {open:?}");
        this
    }

    /// The blocks of one language.
    pub fn blocks(&self, language: &str) -> Vec<&Block> {
        self.blocks
            .iter()
            .filter(|b| b.language == language)
            .collect()
    }

    /// Its lines but for those of blocks.
    pub fn prose(&self) -> &[String] {
        &self.prose
    }

    /// Where its links and pictures lead.
    pub fn links(&self) -> Vec<String> {
        let mut found = Vec::new();
        for line in &self.prose {
            let mut rest = without_code(line);
            while let Some((_, after)) = rest.split_once("](") {
                let end = after
                    .find(')')
                    .unwrap_or_else(|| panic!("a link has no end: {line}"));
                found.push(after[..end].to_owned());
                rest = after[end..].to_owned();
            }
        }
        found
    }

    /// The anchors that its headings make, as GitHub does.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose.iter().filter(|l| l.starts_with('#'));
        headings
            .map(|l| anchor(l.trim_start_matches('#').trim()))
            .collect()
    }

    /// Its sections of a level, each with its lines.
    pub fn sections(&self, level: usize) -> Vec<(&str, Vec<&String>)> {
        let mark = format!("{} ", "#".repeat(level));
        let mut found: Vec<(&str, Vec<&String>)> = Vec::new();
        for line in &self.lines {
            match (line.strip_prefix(&mark), found.last_mut()) {
                (Some(title), _) => found.push((title, Vec::new())),
                (None, Some((_, lines))) => lines.push(line),
                (None, None) => {}
            }
        }
        found
    }

    /// The possible shell commands: code spans of one line, the lines of `sh` blocks, and the text
    /// after `$ `.
    pub fn commands(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for line in &self.prose {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
        for block in &self.blocks {
            let typed = |line: &String| match block.language.as_str() {
                "sh" => Some(
                    line.split(" # ")
                        .next()
                        .unwrap_or_default()
                        .trim()
                        .to_owned(),
                ),
                "console" => line.strip_prefix("$ ").map(str::to_owned),
                _ => None,
            };
            found.extend(block.lines.iter().filter_map(typed));
        }
        found.retain(|line| !line.is_empty());
        found
    }
}

/// A line with its code spans emptied: what looks like a link there is none.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let code = |n: usize| n % 2 == 1 && n + 1 < parts.len();
    let kept = parts
        .iter()
        .enumerate()
        .map(|(n, part)| if code(n) { "" } else { *part });
    kept.collect()
}

/// The anchor of a heading: small letters, spaces as hyphens, no marks.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The words of a drawn terminal, line by line.
pub fn lines_of_picture(svg: &str) -> Vec<String> {
    let texts = svg.lines().filter(|line| line.starts_with("<text "));
    let lines: Vec<String> = texts
        .map(|line| {
            let mut words = String::new();
            for piece in line.split('<') {
                words += piece.split_once('>').map_or("", |(_, words)| words);
            }
            words
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
        })
        .collect();
    assert!(lines.len() > 5, "a picture without words: {lines:?}");
    lines
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(
        anchor("JSON, exit codes: `--json`"),
        "json-exit-codes---json"
    );
    assert_eq!(anchor("有计划的切换"), "有计划的切换");
    let page = Page::parse("# A `b`\n[x](y.md#z) `[no](link)` [w](v)\n```sh\n[no](link)\n```\n");
    assert_eq!(page.links(), ["y.md#z", "v"]);
    assert_eq!(page.anchors(), ["a-b"]);
    assert!(page.commands().contains(&"[no](link)".to_owned()));
}
