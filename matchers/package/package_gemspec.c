/* Installed Ruby gems: specifications/<name>-<version>.gemspec, Ruby source that RubyGems writes by itself:
 *   Gem::Specification.new do |s|  s.name = "x".freeze  s.version = "1.0"  s.licenses = ["MIT".freeze]
 * The few forms that generated and hand-written files share are read as text; a version that is computed in another
 * file is not here to be read. Elsewhere than in specifications/, only what RubyGems or Bundler wrote at an install
 * counts, which begins with a comment "# stub: name version platform paths": a gem carries its author's gemspec too.
 * Spec: RubyGems' "Specification Reference"; rubygems/stub_specification.rb for the stub line. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.gemspec", NULL};

/* The block's variable in "Gem::Specification.new do |s|", where the line is that. */
static bool take_variable(struct span line, struct span *ret_variable) {
    size_t at = span_find(line, span_text("Gem::Specification.new"), 0);
    struct span rest = at == SIZE_MAX ? (struct span){NULL, 0} : span_from(line, at);
    (void)text_cut(&rest, '|');
    struct span variable = text_trim(text_cut(&rest, '|'));
    if (variable.size == 0)
        return false;
    *ret_variable = variable;
    return true;
}

/* "variable.attribute = value" of the block's variable: what is set on another one is another object's. */
static bool take_attribute(struct span line, struct span variable, struct span *ret_name, struct span *ret_value) {
    struct span value = line;
    struct span left = text_trim(text_cut(&value, '='));
    size_t dot = span_index(left, '.', 0);
    if (value.data == NULL || span_starts(value, "=") || dot == SIZE_MAX ||
        !span_equal(span_slice(left, 0, dot), variable))
        return false;
    *ret_name = span_from(left, dot + 1);
    *ret_value = text_trim(value);
    return text_only(*ret_name, "_");
}

/* A string's value: what interpolation puts together is known only where it is the name or the version itself. */
static bool is_plain(struct span text) { return text.size > 0 && span_find(text, span_text("#{"), 0) == SIZE_MAX; }

static int add_licenses(struct catalogue *run, struct package *package, struct span value, struct err *err) {
    struct span text;
    while (text_next_quoted(&value, &text)) {
        if (catalogue_join(run, &package->licenses, text, err) < 0)
            return -1;
    }
    return 0;
}

/* "CONSTANT = '1.0'" before the specification, which its version then names. */
static struct span find_constant(struct span body, struct span name) {
    struct reader r = reader_init(body);
    struct span line, text = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span value = line;
        if (span_equal(text_trim(text_cut(&value, '=')), name) && text_next_quoted(&value, &text))
            return text;
    }
    return (struct span){NULL, 0};
}

static struct span read_version(const struct catalogue *run, struct span value) {
    struct span text = {NULL, 0}, rest = value;
    bool is_constant =
        value.size > 0 && (text_is_alpha(value.data[0]) || value.data[0] == '_') && !span_starts(value, "Gem::Version");
    if (!is_constant && text_next_quoted(&rest, &text) && is_plain(text))
        return text;
    return is_constant ? find_constant(run->body, value) : (struct span){NULL, 0};
}

static int parse(struct catalogue *run, struct err *err) {
    struct package package = {.type = PACKAGE_GEM, .evidence = EVIDENCE_INSTALLED};
    struct reader r = reader_init(run->body);
    struct span line, attribute, value, text, variable = {NULL, 0}, constant = {NULL, 0};
    bool seen = false, installed = text_glob(span_text("**/specifications/**"), run->path);
    while (read_line(&r, &line)) {
        installed |= variable.size == 0 && span_starts(line, "# stub: ");
        if (variable.size == 0)
            (void)take_variable(line, &variable);
        else if (!installed)
            return 0;
        if (variable.size == 0 || !take_attribute(text_trim(line), variable, &attribute, &value))
            continue;
        if (span_is(attribute, "name") && text_next_quoted(&value, &text) && is_plain(text))
            package.name = text;
        else if (span_is(attribute, "version") && !seen) {
            package.version = read_version(run, value);
            constant = value;
            seen = true; /* a constant is looked for in the whole file: once */
        } else if ((span_is(attribute, "license") || span_is(attribute, "licenses")) &&
                   add_licenses(run, &package, value, err) < 0)
            return -1;
    }
    /* "A::VERSION", which the gem's own lib/a/version.rb may say. */
    if (package.version.size == 0 && span_ends(constant, "::VERSION") && text_only(constant, ":_")) {
        package.version = constant;
        package.evidence = EVIDENCE_CLUE;
    }
    /* A specification that computes them says nothing that could be read here. */
    if (package.name.size == 0 || package.version.size == 0)
        return 0;
    return catalogue_add(run, package, err);
}

const struct cataloguer cataloguer_gemspec = {.name = "gemspec", .type = PACKAGE_GEM, .paths = paths, .parse = parse};
