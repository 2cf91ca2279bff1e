/* Locks and manifests in YAML: Dart's pubspec.lock, CocoaPods' Podfile.lock, Conda's environment.yml, Stack's
 * stack.yaml.lock, Helm's Chart.lock, Ubuntu's lists of what a snap was built from, snaps, CPAN's META.yml, Drupal's
 * modules, and the workflows of GitHub.
 * Spec: the documentation of each tool. */
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/pubspec.lock",
    "**/Chart.lock",
    "**/Podfile.lock",
    "**/environment.yml",
    "**/environment.yaml",
    "**/stack.yaml.lock",
    "**/stack.yaml",
    "usr/share/snappy/dpkg.yaml",
    "**/docker-compose.yml",
    "**/docker-compose.yaml",
    "**/compose.yml",
    "**/compose.yaml",
    "**/snap/snapcraft.yaml",
    "**/META.yml",
    "**/MYMETA.yml",
    "**/meta/snap.yaml",
    "**/*.info.yml",
    "**/snap/manifest.yaml",
    "snap/manifest.yaml",
    "**/.github/workflows/*.yml",
    "**/.github/workflows/*.yaml",
    "**/.github/actions/*/action.yml",
    "**/.github/actions/*/action.yaml",
    "**/action.yml",
    "**/action.yaml",
    NULL,
};

/* The least version of an SDK that "sdks" asks for: ">=3.24.5 <4.0.0". */
static struct span sdk_version(const struct doc *root, struct span name) {
    const struct doc *sdks = doc_get(root, "sdks");
    if (sdks == NULL || sdks->count > 16) /* there are two: dart and flutter */
        return (struct span){NULL, 0};
    for (const struct doc *sdk = doc_first(sdks); sdk != NULL; sdk = sdk->next) {
        struct span version = doc_text(sdk);
        if (!span_equal(sdk->key, name))
            continue;
        while (version.size > 0 && !text_is_digit(version.data[0]))
            version = span_from(version, 1);
        return text_cut(&version, ' ');
    }
    return (struct span){NULL, 0};
}

/* {"packages": {name: {"source": "hosted", "version": …}}}: an SDK's own parts are "0.0.0" and versioned with it. */
static int add_pub(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "packages")); item != NULL; item = item->next) {
        struct span version = doc_scalar(doc_get(item, "version"));
        if (!doc_is(item, DOC_OBJECT) || version.size == 0)
            continue;
        if (span_is(doc_text(doc_get(item, "source")), "sdk") && span_is(version, "0.0.0"))
            version = sdk_version(root, doc_text(doc_get(item, "description")));
        if (version.size == 0)
            continue;
        if (catalogue_declare(run, PACKAGE_PUB, item->key, version, err) < 0)
            return -1;
    }
    return 0;
}

/* {"PODS": ["Name (1.0)", {"Name/Sub (1.0)": [needs]}]} */
static int add_pods(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "PODS")); item != NULL; item = item->next) {
        struct span version = doc_is(item, DOC_OBJECT) ? doc_first(item)->key : doc_text(item);
        struct span name = text_trim(text_cut(&version, '('));
        if (!span_ends(version, ")")) {
            catalogue_fault(run, ERR_FORMAT, "a pod is not \"name (version)\"");
            continue;
        }
        version.size--;
        if (catalogue_declare(run, PACKAGE_COCOAPODS, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* {"dependencies": ["name=1.0=build", "name>=2", {"pip": ["name==1.0"]}]} */
static int add_conda(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "dependencies")); item != NULL; item = item->next) {
        for (const struct doc *pip = doc_first(doc_get(item, "pip")); pip != NULL; pip = pip->next) {
            struct span version = doc_text(pip);
            struct span name = text_trim(text_cut(&version, '='));
            if (span_starts(version, "=") &&
                catalogue_declare(run, PACKAGE_PYPI, name, text_trim(span_from(version, 1)), err) < 0)
                return -1;
        }
        struct span version = doc_text(item);
        struct span name = text_trim(text_cut(&version, '='));
        size_t channel = span_find(name, span_text("::"), 0);
        if (channel != SIZE_MAX)
            name = span_from(name, channel + 2);
        while (span_starts(version, "="))
            version = span_from(version, 1);
        version = text_cut(&version, '=');
        if (version.size == 0 || !text_only(name, "-_.") || span_index(version, '*', 0) != SIZE_MAX)
            continue;
        if (catalogue_declare(run, PACKAGE_CONDA, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* {"dependencies": [{"name": …, "version": …}]} */
static int add_helm(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "dependencies")); item != NULL; item = item->next) {
        struct span name = doc_text(doc_get(item, "name")), version = doc_scalar(doc_get(item, "version"));
        if (name.size > 0 && version.size > 0 && catalogue_declare(run, PACKAGE_HELM, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* "name-1.0@sha256:…,size" or "name-1.0@rev:1" */
static int add_hackage(struct catalogue *run, struct span text, struct err *err) {
    text = text_cut(&text, '@');
    size_t dash = span_index_last(text, '-');
    if (dash == SIZE_MAX || dash == 0 || dash + 1 >= text.size || !text_is_digit(text.data[dash + 1]))
        return 0;
    return catalogue_declare(run, PACKAGE_HACKAGE, span_slice(text, 0, dash), span_from(text, dash + 1), err);
}

static int add_stack(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "packages")); item != NULL; item = item->next) {
        const struct doc *locked = doc_get(item, "completed");
        if (add_hackage(run, doc_text(doc_get(locked, "hackage")), err) < 0)
            return -1;
    }
    for (const struct doc *item = doc_first(doc_get(root, "extra-deps")); item != NULL; item = item->next) {
        if (add_hackage(run, doc_text(item), err) < 0)
            return -1;
    }
    return 0;
}

/* "name=version" or "name:arch=version" */
static int add_debs(struct catalogue *run, const struct doc *list, struct err *err) {
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        struct span version = doc_text(item);
        struct span architecture = text_cut(&version, '=');
        struct span name = text_cut(&architecture, ':');
        if (name.size == 0 || version.size == 0)
            continue;
        const struct package package = {.type = PACKAGE_DEB,
                                        .evidence = EVIDENCE_INSTALLED,
                                        .name = name,
                                        .version = version,
                                        .architecture = architecture};
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

static int add_snappy(struct catalogue *run, const struct doc *root, struct err *err) {
    return add_debs(run, doc_get(root, "packages"), err);
}

static int add_snap(struct catalogue *run, const struct doc *root, struct err *err) {
    if (add_debs(run, doc_get(root, "primed-stage-packages"), err) < 0)
        return -1;
    for (const struct doc *part = doc_first(doc_get(root, "parts")); part != NULL; part = part->next) {
        if (add_debs(run, doc_get(part, "stage-packages"), err) < 0)
            return -1;
    }
    return 0;
}

/* {"services": {name: {"image": "host/name:tag@digest"}}}: what is not pinned, or a variable, is left out. */
static int add_services(struct catalogue *run, const struct doc *root, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(root, "services")); item != NULL; item = item->next) {
        struct span name, version;
        if (catalogue_image_split(doc_text(doc_get(item, "image")), &name, &version) && name.size > 0 &&
            catalogue_declare(run, PACKAGE_DOCKER, name, version, err) < 0)
            return -1;
    }
    return 0;
}

/* snap/<name>/<revision>/meta/snap.yaml */
static int add_snap_package(struct catalogue *run, const struct doc *root, struct err *err) {
    return catalogue_add_installed(run, PACKAGE_SNAP, doc_text(doc_get(root, "name")),
                                   doc_scalar(doc_get(root, "version")), err);
}

/* CPAN's META.yml, before its META.json. Other tools have files of that name. */
static int add_cpan(struct catalogue *run, const struct doc *root, struct err *err) {
    struct span version = doc_scalar(doc_get(root, "version"));
    if (doc_get(root, "meta-spec") == NULL && doc_get(root, "generated_by") == NULL)
        return 0;
    return catalogue_add_installed(run, PACKAGE_CPAN, doc_text(doc_get(root, "name")), version, err);
}

/* A module, theme or profile of Drupal, called as Composer calls it. What drupal.org packages carries "project" and a
 * version, which before Drupal 10 may begin with the core's: "8.x-1.5" is 1.5. Of core's own modules "system" stands
 * for all. */
static int add_drupal(struct catalogue *run, const struct doc *root, struct err *err) {
    struct span name = doc_text(doc_get(root, "project")), version = doc_scalar(doc_get(root, "version"));
    bool is_core = span_is(name, "drupal");
    size_t core = span_find(version, span_text(".x-"), 0);
    if (core != SIZE_MAX && core <= 2)
        version = span_from(version, core + 3);
    if (name.size == 0 || (is_core && !catalogue_path_is(run, "system.info.yml")))
        return 0;
    if (catalogue_pair(run, span_text("drupal"), "/", is_core ? span_text("core") : name, &name, err) < 0)
        return -1;
    return catalogue_add_installed(run, PACKAGE_COMPOSER, name, version, err);
}

/* A commit is pinned with its release as a comment, "@<sha> # v1.2.3", which YAML drops: it is looked up in the text.
 */
static struct span commented_version(const struct catalogue *run, struct span uses) {
    /* Each look-up is a pass over the file: enough for any that people write, too little to stall on. */
    if (run->body.size > LIMIT_MIB || run->package_count > 1000)
        return (struct span){NULL, 0};
    size_t at = span_find(run->body, uses, 0);
    struct span line = at == SIZE_MAX ? (struct span){NULL, 0} : span_from(run->body, at + uses.size);
    line = text_cut(&line, '\n');
    (void)text_cut(&line, '#');
    line = text_trim(line);
    if (span_starts(line, "v ")) /* "v 11" */
        line = text_trim(span_from(line, 2));
    bool is_version = line.size > 0 && (text_is_digit(line.data[0]) || (line.data[0] == 'v' && line.size > 1));
    return is_version && text_only(line, ".-+") ? line : (struct span){NULL, 0};
}

/* "owner/name@ref" or "owner/name/folder@ref"; folders of the repository itself and images are no packages. */
static int add_uses(struct catalogue *run, struct span uses, struct err *err) {
    struct span version = uses;
    struct span name = text_cut(&version, '@');
    size_t slash = span_index(name, '/', 0);
    if (name.size == 0 || name.data[0] == '.' || slash == SIZE_MAX || version.size == 0 || span_starts(uses, "docker:"))
        return 0;
    struct span comment = version.size == 40 ? commented_version(run, uses) : (struct span){NULL, 0};
    bool is_workflow = span_ends(name, ".yml") || span_ends(name, ".yaml");
    size_t end = is_workflow ? SIZE_MAX : span_index(name, '/', slash + 1);
    if (end != SIZE_MAX)
        name.size = end;
    return catalogue_declare(run, PACKAGE_GITHUB, name, comment.size > 0 ? comment : version, err);
}

static int add_steps(struct catalogue *run, const struct doc *owner, struct err *err) {
    for (const struct doc *step = doc_first(doc_get(owner, "steps")); step != NULL; step = step->next) {
        if (add_uses(run, doc_text(doc_get(step, "uses")), err) < 0)
            return -1;
    }
    return 0;
}

static int add_actions(struct catalogue *run, const struct doc *root, struct err *err) {
    const struct doc *jobs = doc_get(root, "jobs");
    if (add_steps(run, doc_get(root, "runs"), err) < 0)
        return -1;
    for (const struct doc *job = doc_is(jobs, DOC_OBJECT) ? doc_first(jobs) : NULL; job != NULL; job = job->next) {
        if (add_uses(run, doc_text(doc_get(job, "uses")), err) < 0 || add_steps(run, job, err) < 0)
            return -1;
    }
    return 0;
}

static const struct {
    const char *name; /* the end of the path */
    int (*add)(struct catalogue *run, const struct doc *root, struct err *err);
} kinds[] = {
    {"pubspec.lock", add_pub},
    {"Chart.lock", add_helm},
    {"Podfile.lock", add_pods},
    {"environment.yml", add_conda},
    {"environment.yaml", add_conda},
    {"stack.yaml.lock", add_stack},
    {"stack.yaml", add_stack},
    {"dpkg.yaml", add_snappy},
    {"compose.yml", add_services},
    {"compose.yaml", add_services},
    {"snapcraft.yaml", add_snap},
    {"META.yml", add_cpan},
    {"meta/snap.yaml", add_snap_package},
    {".info.yml", add_drupal},
    {"snap/manifest.yaml", add_snap},
    {"", add_actions},
};

static int parse(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    if (text_trim(run->body).size == 0)
        return 0;
    if (catalogue_document(run, yaml_parse, run->body, &root, err) < 0)
        return -1;
    size_t kind = 0;
    while (!span_ends(run->path, kinds[kind].name))
        kind++;
    return kinds[kind].add(run, root, err);
}

/* CPAN's META.yml under another name, as tools that unpack many of them give it. */
static const char *const content_paths[] = {"**/*.yml", "**/*.yaml", "!**/META.yml", "!**/MYMETA.yml", NULL};

static int parse_content(struct catalogue *run, struct err *err) {
    struct doc *root = NULL;
    struct span head = span_slice(run->body, 0, 65536);
    if (span_find(head, span_text("\nmeta-spec:"), 0) == SIZE_MAX ||
        (!span_starts(head, "generated_by:") && span_find(head, span_text("\ngenerated_by:"), 0) == SIZE_MAX))
        return 0;
    if (yaml_parse(run->scratch, run->body, doc_limits_default(), &root, err) < 0)
        return -1;
    struct span name = doc_text(doc_get(root, "name")), version = doc_scalar(doc_get(root, "version"));
    return name.size == 0 || version.size == 0 ? 0 : catalogue_declare(run, PACKAGE_CPAN, name, version, err);
}

const struct cataloguer cataloguer_yaml_content = {
    .name = "yaml", .type = PACKAGE_CPAN, .paths = content_paths, .by_content = true, .parse = parse_content};

const struct cataloguer cataloguer_yaml = {.name = "yaml", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
