/* The verbs of `trawl db` that are more than a few lines. Each takes the operands behind its name. */
#ifndef TRAWL_DB_VERBS_H
#define TRAWL_DB_VERBS_H

#include "engine/cli/options.h"
#include "engine/vulndb/vulndb.h"

struct db_options {
    const char *output;
    uint64_t jobs; /* 0: as many as there are processors */
    bool verify, scores;
    const char *base, *folder;
    struct text_list ecosystems, extra;
    const char *ca_file, *cert_file, *key_file;
    bool insecure;
    const char *key, *public_key, *format;
};

unsigned db_threads(const struct db_options *options);
/* Compiles what `build` has taken in and replaces the output; an empty database is refused. `*ret_size` in bytes. */
int db_finish(struct vulndb *build, const char *output, size_t *ret_size, struct err *err);
void db_summary_print(const char *path, const struct vulndb_summary *summary, size_t size);

int db_update(const struct text_list *feeds, const struct db_options *options, struct err *err);
int db_diff(const struct text_list *files, const struct db_options *options, struct err *err);
int db_keygen(const struct text_list *names, struct err *err);
int db_export(const struct text_list *files, const struct db_options *options, struct err *err);
int db_import(const struct text_list *files, const struct db_options *options, struct err *err);

#endif
