/* Texts of strangers made harmless in the syntax that they are put into. Each appends to a buffer. What a document
 * cannot hold, or what would change how it looks (controls, marks of direction), stands there as \xNN or \uNNNN, as in
 * the terminal's tables: readable, and nothing happens. JSON has buf_json_text(). */
#ifndef TRAWL_EXPORT_ESCAPE_H
#define TRAWL_EXPORT_ESCAPE_H

#include "base/buf.h"

/* The start of a text, in whole characters: for formats with a longest one. They count characters, of which there are
 * no more than bytes. */
struct span escape_cut(struct span text, size_t size_max);

/* Plain text: one line, no controls. */
void escape_plain(struct buf *buf, struct span text);
/* Between tags or inside a quoted attribute, in HTML and in XML 1.0. A line's end stays one when `lines`. */
void escape_markup(struct buf *buf, struct span text, bool lines);
/* A cell of a table in GitHub's Markdown: no markup of any kind is left, HTML neither, and no address is linked. */
void escape_markdown(struct buf *buf, struct span text);
/* One CSV field, quoted where it must be; with `defuse`, what a spreadsheet would take for a formula gets a leading
 * apostrophe. */
void escape_csv(struct buf *buf, struct span text, bool defuse);
/* A path as a relative URI: each segment percent-encoded, also a colon that would make the first one a scheme. */
void escape_uri_path(struct buf *buf, struct span path);
/* A value (or, with `property`, a property) of a GitHub workflow command. */
void escape_github(struct buf *buf, struct span text, bool property);
/* One word of a POSIX shell, in single quotes. */
void escape_shell(struct buf *buf, struct span text);

#endif
