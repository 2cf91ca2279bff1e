/* One tree for every structured document (JSON, YAML, TOML, XML): what the parsers of this folder make and everybody
 * reads. A tree lives in the arena it was parsed into. Look-ups on NULL or on the wrong kind give NULL or empty, so
 * that `doc_text(doc_get(doc_get(root, "a"), "b"))` needs no checks in between. */
#ifndef TRAWL_DOC_H
#define TRAWL_DOC_H

#include "base/arena.h"
#include "base/err.h"

enum doc_kind { DOC_NULL, DOC_BOOL, DOC_NUMBER, DOC_STRING, DOC_ARRAY, DOC_OBJECT };

struct doc {
    enum doc_kind kind;
    uint32_t line;     /* 1-based line where the value begins; 0 when the parser does not know */
    bool boolean;      /* DOC_BOOL */
    struct span key;   /* the member's name, when the parent is an object */
    struct span text;  /* DOC_STRING: the value; DOC_NUMBER and DOC_BOOL: as it was written */
    struct doc *first; /* children of arrays and objects, in document order */
    struct doc *last;
    struct doc *next; /* sibling */
    size_t count;     /* children */
};

struct doc_limits {
    size_t depth_max; /* nested arrays and objects */
    size_t nodes_max; /* values in all */
    bool partial;     /* of a document that breaks off (FORMAT), what stood before is `*ret_root` all the same */
};

/* From base/limits.h. */
struct doc_limits doc_limits_default(void);

/* The first member of that name; of two of the same name the later one wins with doc_get_last() (as most JSON readers
 * do). NULL when there is none or `object` is not an object. */
const struct doc *doc_get(const struct doc *object, const char *name);
const struct doc *doc_get_last(const struct doc *object, const char *name);

struct span doc_text(const struct doc *value);             /* empty unless a string */
struct span doc_scalar(const struct doc *value);           /* string, number or boolean as written */
bool doc_i64(const struct doc *value, int64_t *ret_value); /* a number that is a whole one in range */
bool doc_is(const struct doc *value, enum doc_kind kind);

/* `for (const struct doc *item = doc_first(array); item != NULL; item = item->next)` */
const struct doc *doc_first(const struct doc *parent);

/* RFC 8259 JSON; a leading UTF-8 byte order mark is skipped, strings need not be valid UTF-8, text after the value is
 * an error. FORMAT (where and why), LIMIT (depth, nodes), NOMEM (the arena's ceiling). No recursion. Over yajl. */
int json_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root, struct err *err);

/* JSON with what editors and package managers add to it: comments of both kinds and commas before a closing bracket.
 * Everything else as json_parse(). */
int jsonc_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
                struct err *err);

/* TOML 1.0, and of 1.1 line ends in inline tables. Tables are objects, dates strings; other numbers than decimal ones
 * keep their text. A key that stands twice in its table is an error, a table that is opened twice is not. Errors as
 * json_parse(). No recursion. Our own reader: Debian has no C library for it. */
int toml_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root, struct err *err);

/* XML 1.0. An element is an object under its local name: its attributes come first, as strings, then its elements in
 * document order, of which many may have one name. Text counts only where it is all that an element holds, and is
 * trimmed: doc_content(). Declarations of entities are refused (UNSUPPORTED), external ones never read. Other errors as
 * json_parse(). Over expat. */
int xml_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root, struct err *err);

/* The text of an XML element or attribute; empty for NULL. */
struct span doc_content(const struct doc *element);

/* The documents of a YAML stream as one array, each as yaml_parse() gives it. */
int yaml_parse_all(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root,
                   struct err *err);

/* The first document of a YAML 1.1 stream. Aliases are counted as copies against `nodes_max`, tags are ignored, scalars
 * without quotes stay text (kind DOC_STRING) but for null, booleans true/false and whole or decimal numbers of the JSON
 * grammar. Duplicate keys stay both. Errors as json_parse(). Over libyaml's events. */
int yaml_parse(struct arena *arena, struct span text, struct doc_limits limits, struct doc **ret_root, struct err *err);

/* Links a child; used by the parsers and by those who build a document themselves. */
void doc_append(struct doc *parent, struct doc *child);

#endif
