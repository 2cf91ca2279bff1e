#include "engine/pipeline/package_set.h"

#include "base/limits.h"
#include "base/model/purl.h"
#include "base/text.h"
#include "matchers/vuln/vuln_ecosystem.h"
#include "engine/pipeline/finding.h"
#include "engine/pipeline/profile.h"

#define LICENSES_MAX ((size_t)64) /* of one package; more are cut off */
#define SET_ID_BYTES ((size_t)16)

struct member {
    struct span purl;
    struct span path; /* the package's, as a row has it */
    const struct package *package;
    const struct digest *layer;
    struct span owner_purl; /* or empty */
    bool is_covered;        /* the owner's advisories speak of it */
};

/* What the packages belong to, and where that is said. */
struct set_release {
    struct distro distro;
    struct span path;
    struct digest layer;
};

struct known_set {
    struct span id;
    bool is_kept; /* in the cache */
    uint64_t vulnerabilities[SEVERITY_COUNT];
};

struct package_sets {
    const struct emit_options *options;
    const struct row_sink *sink;
    struct totals *totals;
    struct arena *arena;
    struct arena scratch; /* one set's purls */
    struct map known;
    struct row row;
    VEC(struct member) members;
    struct findings *findings; /* NULL without a database */
    struct arena judging;      /* of one finding, and the parsed members */
    struct purl *parsed;       /* of the members, once it is asked for; in `scratch` */
    const struct vex_image *image;
    struct buf evidence; /* of the finding at hand, where more is said than of the package alone */
    struct cache_reader *reader;
    struct buf packed; /* a set on its way to the cache */
    struct row_block_writer rows;
    struct buf blocks; /* a set's rows */
    uint64_t analyser;
    uint64_t counts[SEVERITY_COUNT]; /* of the set that was matched again last */
};

int package_sets_new(const struct emit_options *options, const struct row_sink *sink, struct totals *totals,
                     struct arena *arena, struct package_sets **ret_sets, struct err *err) {
    struct package_sets *sets = mem_zalloc(sizeof *sets);
    if (sets == NULL)
        return err_set(err, ERR_NOMEM, 0, "package sets: out of memory");
    *sets = (struct package_sets){.options = options, .sink = sink, .totals = totals, .arena = arena};
    sets->analyser = profile_analyser().low;
    arena_init(&sets->scratch, 0, 0);
    arena_init(&sets->judging, 0, 0);
    map_init(&sets->known, 0);
    row_init(&sets->row);
    buf_init(&sets->packed, LIMIT_KEPT_ROWS_BYTES);
    buf_init(&sets->blocks, 0);
    buf_init(&sets->evidence, 0);
    struct finding_options finding = {
        .db = options->db, .old = options->old_db, .filter = options->filter, .memo_bytes = options->memo_bytes};
    if (cache_reader_new(options->cache, &sets->reader, err) < 0 ||
        (options->db != NULL && findings_new(&finding, &sets->findings, err) < 0)) {
        package_sets_free(sets);
        return -1;
    }
    *ret_sets = sets;
    return 0;
}

void package_sets_free(struct package_sets *sets) {
    if (sets == NULL)
        return;
    arena_release(&sets->scratch);
    arena_release(&sets->judging);
    map_release(&sets->known);
    row_release(&sets->row);
    vec_release(&sets->members);
    findings_free(sets->findings);
    buf_release(&sets->packed);
    buf_release(&sets->blocks);
    row_block_writer_release(&sets->rows);
    buf_release(&sets->evidence);
    cache_reader_free(sets->reader);
    mem_free(sets);
}

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "package set: out of memory"); }

/* ---- vulnerabilities ---- */

static void f64_or_nil(struct row *row, double value) {
    if (value >= 0)
        row_f64(row, value);
    else
        row_nil(row);
}

/* Whether one of the set's packages is what a product names. */
static bool has_package(void *context, const struct purl *product) {
    struct package_sets *sets = context;
    struct err why = {0};
    if (sets->parsed == NULL) {
        sets->parsed = arena_array(&sets->scratch, sets->members.count + 1, sizeof *sets->parsed);
        for (size_t i = 0; sets->parsed != NULL && i < sets->members.count; i++)
            (void)purl_parse(sets->members.data[i].purl, &sets->scratch, &sets->parsed[i], &why);
    }
    for (size_t i = 0; sets->parsed != NULL && i < sets->members.count; i++) {
        if (vex_purl_matches(product, &sets->parsed[i]))
            return true;
    }
    return false;
}

/* ---- where the image contradicts itself ---- */

/* What a distribution's version says of the upstream's: "3.0.9" of "1:3.0.9-1". */
static struct span upstream_version(struct span version) {
    size_t colon = span_index(version, ':', 0);
    struct span rest = colon == SIZE_MAX ? version : span_from(version, colon + 1);
    size_t dash = span_index_last(rest, '-');
    return dash == SIZE_MAX ? rest : span_slice(rest, 0, dash);
}

static bool is_system(const struct package *package) {
    return package->type == PACKAGE_DEB || package->type == PACKAGE_APK || package->type == PACKAGE_RPM;
}

/* A program that says one version, and a system's package of that name that says another. */
static bool program_contradicts(const struct package *program, const struct package *other) {
    bool named = span_equal(other->name, program->name) || span_equal(other->source_name, program->name);
    struct span version = other->source_version.size > 0 ? other->source_version : other->version;
    struct span upstream = upstream_version(version), own = program->version;
    bool same = span_equal(span_slice(upstream, 0, own.size), own); /* "3.0.9" of "3.0.9+dfsg" */
    return program->type == PACKAGE_GENERIC && is_system(other) && named && !same;
}

/* The folder in which a record of an installed Python package lies: "site-packages" of
 * "site-packages/a-1.dist-info/METADATA". */
static struct span python_folder(struct span path) {
    size_t file = span_index_last(path, '/');
    size_t record = file == SIZE_MAX ? SIZE_MAX : span_index_last(span_slice(path, 0, file), '/');
    return record == SIZE_MAX ? (struct span){NULL, 0} : span_slice(path, 0, record);
}

/* Two records of one package in one folder: only one of them can be true of the modules there. */
static bool record_contradicts(const struct package *package, const struct package *other) {
    return package->type == PACKAGE_PYPI && other->type == PACKAGE_PYPI && package->evidence == EVIDENCE_INSTALLED &&
           other->evidence == EVIDENCE_INSTALLED && span_equal(package->name, other->name) &&
           !span_equal(package->version, other->version) &&
           span_equal(python_folder(package->path), python_folder(other->path));
}

/* Appends to the evidence what another record of the same set says of this package; the confidence sinks. */
static void contradictions_add(struct package_sets *sets, const struct member *member, struct finding *finding) {
    enum package_type type = member->package->type;
    struct buf *text = &sets->evidence;
    if (type != PACKAGE_GENERIC && type != PACKAGE_PYPI)
        return;
    buf_reset(text);
    buf_add(text, finding->evidence);
    size_t before = text->size;
    for (size_t i = 0; i < sets->members.count; i++) {
        const struct member *other = &sets->members.data[i];
        bool program = program_contradicts(member->package, other->package);
        if (!program && !record_contradicts(member->package, other->package))
            continue;
        buf_text(text, program ? "; the package database says " : "; another record in the same folder says ");
        buf_add(text, other->purl);
    }
    if (text->failed || text->size == before)
        return;
    finding->evidence = buf_span(text);
    finding->confidence = finding->confidence < 0.5 ? finding->confidence : 0.5;
}

struct judgement {
    struct span vex_status, suppressed_by;
};

/* What the user's ignore file and somebody's VEX say of it. */
static struct judgement judge(struct package_sets *sets, const struct member *member, const struct finding *finding) {
    const struct policy *policy = sets->options->policy;
    struct judgement judgement = {{NULL, 0}, {NULL, 0}};
    if (policy == NULL || (policy->ignore == NULL && policy->vex == NULL))
        return judgement;
    arena_reset(&sets->judging);
    struct span *ids = arena_array(&sets->judging, finding->alias_count + 1, sizeof *ids);
    if (ids == NULL)
        return judgement; /* a lack of memory hides nothing */
    ids[0] = finding->id;
    for (size_t i = 0; i < finding->alias_count; i++)
        ids[1 + i] = finding->aliases[i];
    struct vex_query query = {.ids = ids,
                              .id_count = finding->alias_count + 1,
                              .purl = member->purl,
                              .source_name = member->package->source_name,
                              .source_version = member->package->source_version,
                              .image = sets->image,
                              .has = has_package,
                              .context = sets};
    struct vex_verdict verdict = vex_find(policy->vex, &query, &sets->judging);
    judgement.vex_status = span_text(vex_status_name(verdict.status));
    if (verdict.status == VEX_NOT_AFFECTED || verdict.status == VEX_FIXED)
        judgement.suppressed_by = verdict.text;
    struct span ignored =
        ignore_find(policy->ignore,
                    &(struct ignore_finding){
                        .ids = ids, .id_count = query.id_count, .purl = member->purl, .path = member->package->path});
    if (ignored.size > 0)
        judgement.suppressed_by = ignored;
    return judgement;
}

static int vulnerability_emit(struct package_sets *sets, struct known_set *set, const struct member *member,
                              const struct finding *found, struct err *err) {
    struct row *row = &sets->row;
    char text[DIGEST_TEXT_SIZE];
    struct finding judged = *found, *finding = &judged;
    contradictions_add(sets, member, finding);
    const struct package *package = member->package;
    struct judgement judgement = judge(sets, member, finding);
    row_begin(row, TABLE_VULNERABILITY, sets->options->sweep_id);
    row_text(row, set->id);
    row_text(row, finding->id);
    row_list(row, finding->aliases, finding->alias_count);
    row_text(row, member->purl);
    row_text(row, span_text(package_type_name(package->type)));
    row_text(row, package->name);
    row_text(row, package->version);
    row_text(row, package->path);
    row_text(row, span_text(digest_text(member->layer, text)));
    row_text(row, span_text(severity_name(finding->severity)));
    row_text(row, finding->cvss_vector);
    f64_or_nil(row, finding->cvss_score);
    f64_or_nil(row, finding->epss);
    f64_or_nil(row, finding->epss_percentile);
    row_bool(row, finding->kev);
    row_text(row, span_text(vuln_status_name(finding->status)));
    row_text(row, finding->introduced);
    row_text(row, finding->fixed_version);
    row_text(row, finding->source);
    if (finding->published_utc_s != 0)
        row_time(row, finding->published_utc_s);
    else
        row_nil(row);
    row_f64(row, finding->confidence);
    row_text(row, finding->evidence);
    row_text(row, judgement.vex_status);
    row_text(row, judgement.suppressed_by);
    row_nil(row);
    row_f64(row, finding->priority);
    if (judgement.suppressed_by.size > 0) {
        sets->totals->vulnerabilities_suppressed++;
        return row_put(sets->sink, row, err);
    }
    set->vulnerabilities[finding->severity]++;
    sets->totals->vulnerabilities[finding->severity]++;
    sets->totals->has_findings = true;
    if (finding->severity > sets->totals->worst)
        sets->totals->worst = finding->severity;
    return row_put(sets->sink, row, err);
}

static int member_match(struct package_sets *sets, struct known_set *set, const struct member *member,
                        const struct distro *distro, struct err *err) {
    const struct finding *list;
    size_t count;
    /* What a distribution ships it mends without a new version of upstream: its advisories are the owner's. */
    if (member->is_covered)
        return 0;
    if (findings_of(sets->findings, distro, member->package, &list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (vulnerability_emit(sets, set, member, &list[i], err) < 0)
            return -1;
    }
    return 0;
}

/* What the set's packages are packages of, when nobody looks after it any more. */
static int distro_match(struct package_sets *sets, struct known_set *set, const struct set_release *release,
                        struct err *err) {
    const struct finding *list;
    size_t count;
    AUTO_BUF
    struct buf purl;
    buf_init(&purl, 0);
    if (release->distro.id.size == 0)
        return 0;
    if (findings_of_distro(sets->findings, &release->distro, &list, &count, err) < 0)
        return -1;
    struct package package = {.type = PACKAGE_GENERIC,
                              .name = release->distro.id,
                              .version = release->distro.version_id,
                              .path = release->path};
    purl_make(&package, NULL, &purl);
    struct member member = {.purl = buf_span(&purl), .package = &package, .layer = &release->layer};
    if (purl.failed)
        return memory_short(err);
    for (size_t i = 0; i < count; i++) {
        if (vulnerability_emit(sets, set, &member, &list[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- packages ---- */

static int package_row(struct package_sets *sets, struct span id, const struct member *member, struct err *err) {
    const struct package *package = member->package;
    struct row *row = &sets->row;
    struct span licenses[LICENSES_MAX];
    size_t license_count = 0;
    char text[DIGEST_TEXT_SIZE];
    for (struct span rest = package->licenses; rest.size > 0 && license_count < LICENSES_MAX;)
        licenses[license_count++] = text_cut(&rest, '\n');
    row_begin(row, TABLE_PACKAGE, sets->options->sweep_id);
    row_text(row, id);
    row_text(row, member->purl);
    row_text(row, span_text(package_type_name(package->type)));
    row_text(row, package->name);
    row_text(row, package->version);
    row_text(row, package->architecture);
    row_text(row, package->source_name.size > 0 ? package->source_name : package->name);
    row_text(row, package->source_version.size > 0 ? package->source_version : package->version);
    row_list(row, licenses, license_count);
    row_text(row, span_text(package_evidence_name(package->evidence)));
    row_text(row, package->path);
    row_text(row, span_text(digest_text(member->layer, text)));
    if (member->owner_purl.size > 0)
        row_text(row, member->owner_purl);
    else
        row_nil(row);
    row_bool(row, false);
    return row_end(row, err);
}

/* The members' rows, as blocks. */
static int blocks_make(struct package_sets *sets, struct span id, struct err *err) {
    buf_reset(&sets->blocks);
    for (size_t i = 0; i < sets->members.count; i++) {
        if (package_row(sets, id, &sets->members.data[i], err) < 0)
            return -1;
        row_block_add(&sets->rows, &sets->row);
        if (row_block_is_full(&sets->rows))
            row_block_end(&sets->rows, &sets->blocks);
    }
    row_block_end(&sets->rows, &sets->blocks);
    return sets->blocks.failed ? memory_short(err) : 0;
}

static int member_order(const void *left, const void *right) {
    const struct member *a = left, *b = right;
    int order = span_compare(a->purl, b->purl);
    if (order == 0)
        order = span_compare(a->path, b->path);
    return order != 0 ? order : digest_compare(a->layer, b->layer);
}

static int purl_keep(struct package_sets *sets, const struct package *package, const struct distro *distro,
                     struct span *ret_purl, struct err *err) {
    AUTO_BUF struct buf purl;
    buf_init(&purl, 0);
    purl_make(package, distro, &purl);
    *ret_purl = purl.failed ? (struct span){NULL, 0} : arena_copy(&sets->scratch, buf_span(&purl));
    return ret_purl->data != NULL ? 0 : memory_short(err);
}

/* Whether there is somebody to say what is wrong with the distribution's packages. */
static bool has_advisories(const struct package *owner, const struct distro *distro) {
    AUTO_BUF struct buf ecosystem;
    buf_init(&ecosystem, 0);
    vuln_ecosystem(distro, owner->type, &ecosystem);
    return ecosystem.size > 0 && !ecosystem.failed;
}

static int members_collect(struct package_sets *sets, const struct composition *composition,
                           const struct layer_result *const *layers, struct err *err) {
    sets->members.count = 0;
    arena_reset(&sets->scratch);
    sets->parsed = NULL;
    for (size_t i = 0; i < composition->packages.count; i++) {
        const struct composed_package *composed = &composition->packages.data[i];
        const struct package *owner = composed->owner;
        struct member member = {.package = composed->package, .layer = &layers[composed->layer_index]->digest};
        if (purl_keep(sets, composed->package, &composition->distro, &member.purl, err) < 0 ||
            (owner != NULL && purl_keep(sets, owner, &composition->distro, &member.owner_purl, err) < 0))
            return -1;
        member.is_covered = owner != NULL && !composed->is_foreign && has_advisories(owner, &composition->distro);
        member.path = row_text_valid(&sets->scratch, composed->package->path);
        if (member.path.data == NULL || !vec_push(&sets->members, member))
            return memory_short(err);
    }
    qsort(sets->members.data, sets->members.count, sizeof *sets->members.data, member_order);
    /* The same package from the same file twice is one. */
    size_t kept = 0;
    for (size_t i = 0; i < sets->members.count; i++) {
        const struct member *member = &sets->members.data[i];
        if (kept > 0 && span_equal(member->purl, member[-1].purl) && span_equal(member->path, member[-1].path))
            continue;
        sets->members.data[kept++] = *member;
    }
    sets->members.count = kept;
    return 0;
}

static int set_id(struct package_sets *sets, const struct set_release *release, char ret_id[2 * SET_ID_BYTES + 1],
                  struct err *err) {
    struct digest_stream *stream = NULL;
    if (digest_stream_new(DIGEST_SHA256, &stream, err) < 0)
        return -1;
    struct span separator = span_make("", 1);
    digest_stream_add(stream, release->distro.id);
    digest_stream_add(stream, separator);
    digest_stream_add(stream, release->distro.version_id);
    digest_stream_add(stream, separator);
    digest_stream_add(stream, release->path);
    digest_stream_add(stream, separator);
    digest_stream_add(stream, span_make(release->layer.bytes, sizeof release->layer.bytes));
    for (size_t i = 0; i < sets->members.count; i++) {
        const struct member *member = &sets->members.data[i];
        digest_stream_add(stream, separator);
        digest_stream_add(stream, member->purl);
        digest_stream_add(stream, separator);
        digest_stream_add(stream, member->package->path);
        digest_stream_add(stream, separator);
        digest_stream_add(stream, span_make(member->layer->bytes, sizeof member->layer->bytes));
        digest_stream_add(stream, member->owner_purl);
        digest_stream_add(stream, member->is_covered ? span_text("+") : separator);
    }
    if (sets->image != NULL) {
        const struct span parts[] = {sets->image->registry, sets->image->repository, sets->image->tag,
                                     sets->image->digest};
        for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
            digest_stream_add(stream, separator);
            digest_stream_add(stream, parts[i]);
        }
    }
    struct digest digest = digest_stream_end(stream);
    char text[DIGEST_TEXT_SIZE];
    digest_text(&digest, text);
    memcpy(ret_id, text + strlen("sha256:"), 2 * SET_ID_BYTES);
    ret_id[2 * SET_ID_BYTES] = '\0';
    digest_stream_free(stream);
    return 0;
}

static int members_match(struct package_sets *sets, struct known_set *set, const struct set_release *release,
                         struct err *err) {
    if (distro_match(sets, set, release, err) < 0)
        return -1;
    for (size_t i = 0; i < sets->members.count; i++) {
        if (member_match(sets, set, &sets->members.data[i], &release->distro, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the cache ---- */

struct set_key {
    uint8_t bytes[2 * SET_ID_BYTES + sizeof(struct hash128)];
};

/* What a package is besides what the id is made of depends on the analyser: the profile is in the key. */
static struct set_key key_of(const struct package_sets *sets, struct span id) {
    struct set_key key;
    assert(id.size == 2 * SET_ID_BYTES);
    memcpy(key.bytes, id.data, id.size);
    memcpy(key.bytes + id.size, &sets->options->profile, sizeof sets->options->profile);
    return key;
}

static void members_keep(struct package_sets *sets, struct span id, const struct set_release *release) {
    struct set_key key = key_of(sets, id);
    struct buf *packed = &sets->packed;
    buf_reset(packed);
    buf_le64(packed, sets->analyser);
    distro_pack(&release->distro, packed);
    text_pack(release->path, packed);
    digest_pack(&release->layer, packed);
    buf_le32(packed, (uint32_t)sets->members.count);
    for (size_t i = 0; i < sets->members.count; i++) {
        const struct member *member = &sets->members.data[i];
        text_pack(member->purl, packed);
        digest_pack(member->layer, packed);
        text_pack(member->owner_purl, packed);
        buf_byte(packed, member->is_covered);
        package_pack(member->package, packed);
    }
    if (!packed->failed)
        cache_put(sets->options->cache, CACHE_SET, span_make(&key, sizeof key), buf_span(packed));
    if (!packed->failed && sets->blocks.size <= LIMIT_KEPT_ROWS_BYTES)
        cache_put(sets->options->cache, CACHE_SET_ROWS, span_make(&key, sizeof key), buf_span(&sets->blocks));
}

/* Fills the members; texts borrow `value`. False when it is no set, or memory is short. */
static bool members_load(struct package_sets *sets, struct span value, struct set_release *ret_release) {
    struct reader reader = reader_init(value);
    arena_reset(&sets->scratch);
    sets->parsed = NULL;
    sets->members.count = 0;
    if (read_le64(&reader) != sets->analyser)
        return false;
    distro_unpack(&reader, &ret_release->distro);
    ret_release->path = text_unpack(&reader);
    if (!digest_unpack(&reader, &ret_release->layer))
        return false;
    for (uint32_t left = read_le32(&reader); left > 0 && !reader.failed; left--) {
        struct package *package = arena_alloc(&sets->scratch, sizeof *package);
        struct digest *layer = arena_alloc(&sets->scratch, sizeof *layer);
        struct member member = {.purl = text_unpack(&reader), .package = package, .layer = layer};
        if (package == NULL || layer == NULL || !digest_unpack(&reader, layer))
            return false;
        member.owner_purl = text_unpack(&reader);
        member.is_covered = read_u8(&reader) != 0;
        if (!package_unpack(&reader, package) || !vec_push(&sets->members, member))
            return false;
    }
    return !reader.failed && reader_left(&reader) == 0;
}

/* ---- the interface ---- */

/* Writes the set whose rows `blocks` are; the members only matter where there is a database to match them with. */
static int set_begin(struct package_sets *sets, struct span id, struct span blocks, const struct set_release *release,
                     struct known_set **ret_set, struct err *err) {
    struct known_set *set = arena_zalloc(sets->arena, sizeof *set);
    struct span kept = arena_copy(sets->arena, id);
    void **place = set == NULL || kept.data == NULL ? NULL : map_put(&sets->known, kept, NULL);
    if (place == NULL)
        return memory_short(err);
    set->id = kept;
    *place = *ret_set = set;
    uint64_t rows;
    if (blocks_put(sets->sink, &sets->row, sets->options->sweep_id, blocks, &rows, err) < 0)
        return -1;
    sets->totals->package_sets++;
    sets->totals->packages += rows;
    return sets->options->db == NULL ? 0 : members_match(sets, set, release, err);
}

static struct package_set_outcome outcome_of(const struct known_set *set) {
    return (struct package_set_outcome){.id = set->id, .vulnerabilities = set->vulnerabilities};
}

int package_sets_emit(struct package_sets *sets, struct composition *composition,
                      const struct layer_result *const *layers, bool keeps, const struct vex_image *image,
                      struct package_set_outcome *ret_outcome, struct err *err) {
    char id[2 * SET_ID_BYTES + 1];
    struct set_release release = {.distro = composition->distro, .path = composition->distro_path};
    if (composition->distro.id.size > 0)
        release.layer = layers[composition->distro_layer_index]->digest;
    sets->image = image;
    if (members_collect(sets, composition, layers, err) < 0 || set_id(sets, &release, id, err) < 0)
        return -1;
    struct known_set *set = map_get(&sets->known, span_text(id));
    bool is_new = set == NULL;
    /* The first image that has it may be one of which nothing is kept. */
    if ((is_new || (keeps && !set->is_kept)) && blocks_make(sets, span_text(id), err) < 0)
        return -1;
    if (is_new && set_begin(sets, span_text(id), buf_span(&sets->blocks), &release, &set, err) < 0)
        return -1;
    if (keeps && !set->is_kept)
        members_keep(sets, span_text(id), &release);
    set->is_kept = set->is_kept || keeps;
    *ret_outcome = outcome_of(set);
    return 0;
}

/* A value of the cache, put again where it would soon be pruned. */
static bool value_recall(struct package_sets *sets, enum cache_table table, const struct set_key *key,
                         struct span *ret_value) {
    struct span bytes = span_make(key, sizeof *key);
    if (!cache_get(sets->reader, table, bytes, ret_value))
        return false;
    if (cache_is_stale(*ret_value))
        cache_put(sets->options->cache, table, bytes, *ret_value);
    return true;
}

int package_sets_recall(struct package_sets *sets, struct span id, struct package_set_outcome *ret_outcome,
                        struct err *err) {
    if (id.size != 2 * SET_ID_BYTES)
        return 0;
    struct known_set *set = map_get(&sets->known, id);
    int result = 1;
    if (set == NULL) {
        struct set_key key = key_of(sets, id);
        struct set_release release = {0};
        struct span members, blocks;
        sets->image = NULL;
        result = value_recall(sets, CACHE_SET_ROWS, &key, &blocks) &&
                 (sets->options->db == NULL ||
                  (value_recall(sets, CACHE_SET, &key, &members) && members_load(sets, members, &release)));
        if (result > 0 && set_begin(sets, id, blocks, &release, &set, err) < 0)
            result = -1;
        if (result > 0)
            set->is_kept = true;
        cache_reader_reset(sets->reader);
    }
    if (result > 0)
        *ret_outcome = outcome_of(set);
    return result;
}

int package_sets_rematch(struct package_sets *sets, struct span id, struct span value,
                         struct package_set_outcome *ret_outcome, struct err *err) {
    struct known_set set = {.id = id};
    struct set_release release;
    sets->image = NULL;
    if (id.size != 2 * SET_ID_BYTES || !members_load(sets, value, &release))
        return 0;
    sets->totals->package_sets++;
    if (members_match(sets, &set, &release, err) < 0)
        return -1;
    sets->totals->packages += sets->members.count;
    memcpy(sets->counts, set.vulnerabilities, sizeof sets->counts);
    *ret_outcome = (struct package_set_outcome){.id = id, .vulnerabilities = sets->counts};
    return 1;
}
