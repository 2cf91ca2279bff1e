/* Every ceiling, each with its reason. A ceiling that a user may need to move has an option of the same name. */
#ifndef TRAWL_LIMITS_H
#define TRAWL_LIMITS_H

#define LIMIT_KIB ((size_t)1024)
#define LIMIT_MIB ((size_t)1024 * 1024)
#define LIMIT_GIB ((size_t)1024 * 1024 * 1024)

/* Documents. npm's deepest real lock file nests 40 levels; hostile ones nest as deep as they are long. */
#define LIMIT_DOC_DEPTH ((size_t)256)
#define LIMIT_DOC_NODES ((size_t)4000000)

/* Registry objects. The distribution specification tells registries to accept 4 MiB manifests. */
#define LIMIT_MANIFEST_BYTES (4 * LIMIT_MIB)
#define LIMIT_CONFIG_BYTES (8 * LIMIT_MIB)
#define LIMIT_INDEX_DEPTH ((size_t)4)        /* an index of an index of …: buildx makes 2 */
#define LIMIT_INDEX_MANIFESTS ((size_t)4096) /* manifests in one index */
#define LIMIT_LAYERS ((size_t)1024)          /* layers in one manifest; Docker stops at 127 */
#define LIMIT_REDIRECTS 8L                   /* registry → blob store takes 1 or 2 */
#define LIMIT_HTTP_PROGRESS                                                                                            \
    LIMIT_MIB                  /* body bytes that make a broken transfer a new first attempt: a layer of 40 GiB        \
                                * may break more often than a manifest, yet each break must have moved us */
#define LIMIT_HTTP_STREAMS 64u /* requests at a time over HTTP/2 to one host; servers allow 100 to 250 a connection */
#define LIMIT_HTTP_PAUSES_MS                                                                                           \
    ((uint64_t)300000) /* between the attempts of one request in all, until it makes progress: a registry that is      \
                        * down for longer is down for the night */
#define LIMIT_HTTP_CHALLENGES                                                                                          \
    3u /* 401s that one request may answer between two progresses: no token yet, an expired one, and a race */
#define LIMIT_HTTP_HEADER_BYTES (16 * LIMIT_KIB) /* one header value that is kept; signed URLs take 2 KiB */
#define LIMIT_HTTP_HEADS_BYTES                                                                                         \
    (256 * LIMIT_KIB) /* all headers of an attempt, of its redirects too: each has some 2 KiB */
#define LIMIT_HTTP_SLOW_BYTES                                                                                          \
    (256 *                                                                                                             \
     LIMIT_KIB) /* what has to come within ten stall timeouts, five minutes: who sends a byte every now and then       \
                 * would else hold one connection, and the sweep's end, for ever. A modem is five times as fast */
#define LIMIT_HTTP_ERROR_BYTES (64 * LIMIT_KIB)  /* an error's body read so that its connection can be used again */
#define LIMIT_TOKEN_REPLY_BYTES (64 * LIMIT_KIB) /* what a token service answers; a token of many scopes has 4 KiB */
#define LIMIT_TOKEN_BYTES                                                                                              \
    (8 * LIMIT_KIB) /* one token: servers refuse a request whose headers are beyond 8 to 16 KiB anyway */
#define LIMIT_TOKEN_SERVICES                                                                                           \
    16u /* times that one registry may name another token service; real ones have one. Each is a host more */
#define LIMIT_TOKENS ((size_t)1024)             /* kept at a time: one for each repository */
#define LIMIT_TOKEN_SCOPE_BYTES (4 * LIMIT_KIB) /* one scope that a challenge names */
#define LIMIT_CREDENTIAL_FILE_BYTES LIMIT_MIB   /* a configuration with some thousand logins */
#define LIMIT_CREDENTIAL_BYTES (64 * LIMIT_KIB) /* what a helper prints; identity tokens have 4 KiB */
#define LIMIT_PAGES ((size_t)100000)            /* pages of one listing: 10 million names at 100 a page */
#define LIMIT_PAGE_BYTES (16 * LIMIT_MIB)       /* one page of a listing; docker-registry sends 1000 names */
#define LIMIT_LISTING_NAMES                                                                                            \
    ((size_t)50000000) /* projects, repositories and tags of one listing; Docker Hub has 15 million repositories */
#define LIMIT_TARGETS ((size_t)10000000) /* lines of a list file */

/* Layers. The largest public layers unpack to some 40 GiB and hold 2 million entries. */
#define LIMIT_LAYER_BYTES ((uint64_t)1 << 40)
#define LIMIT_LAYER_ENTRIES ((uint64_t)20000000)
#define LIMIT_RATIO ((uint64_t)1100) /* unpacked / packed: deflate's own ceiling is 1032; zstd goes far beyond */
#define LIMIT_RATIO_FLOOR_BYTES (64 * (uint64_t)LIMIT_MIB) /* below this much output the ratio is not looked at */
#define LIMIT_PATH_BYTES ((size_t)16384)                   /* PATH_MAX is 4096, nested archives join paths */
#define LIMIT_PAX_BYTES (LIMIT_MIB)                        /* one extended header; xattrs of 64 KiB each occur */
#define LIMIT_ZSTD_WINDOW_LOG 27 /* 128 MiB, what zstd --ultra -22 asks for; each codec may hold one */
#define LIMIT_ZSTD_WINDOW_BYTES ((uint64_t)1 << LIMIT_ZSTD_WINDOW_LOG)

/* Archives of images. A mirror kept as one oci-archive has some 100,000 blobs; a member costs about 200 bytes of
 * memory. */
#define LIMIT_ARCHIVE_MEMBERS ((size_t)1000000)
#define LIMIT_ARCHIVE_INDEX_BYTES (256 * LIMIT_MIB)
#define LIMIT_SPOOL_BYTES ((uint64_t)256 * LIMIT_GIB) /* one temporary file: a fleet's archive unpacked */

/* Local stores. layers.json and images.json take some 700 bytes an entry; a metadata database grows with every image
 * that was ever pulled. */
#define LIMIT_STORE_JSON_BYTES (256 * LIMIT_MIB)
#define LIMIT_STORE_ROOTS ((size_t)16)               /* additional image stores; one is usual */
#define LIMIT_STORE_IMAGES ((size_t)1000000)         /* names of images in one store */
#define LIMIT_BOLT_PAGE_BYTES (16 * LIMIT_MIB)       /* one page with its overflow, which is one long value */
#define LIMIT_BOLT_DEPTH ((size_t)32)                /* branch pages above a leaf: real trees have 3 */
#define LIMIT_DISCOVER_ENTRIES ((uint64_t)100000000) /* looked at by one --discover */
#define LIMIT_DISCOVER_DEPTH ((size_t)128)           /* folders inside each other; a descriptor each */

/* Files. A dpkg status of 10,000 packages is 12 MiB; an apk database line can be many MiB. */
#define LIMIT_CATALOGUE_BYTES (64 * LIMIT_MIB) /* a file that a cataloguer wants whole */
#define LIMIT_BODY_BYTES (4 * LIMIT_MIB)       /* searched in one piece and deduplicated; larger goes in windows */
#define LIMIT_WINDOW_OVERLAP (64 * LIMIT_KIB)  /* the longest secret with its context that no boundary may cut */
#define LIMIT_FINDINGS_PER_FILE ((size_t)1000) /* a file with more is one error row and the first thousand */
#define LIMIT_PACKAGES_PER_FILE ((size_t)200000)
/* Files that one database says are its packages': the whole of TeX Live has 300,000. What a layer keeps of them (those
 * that may carry packages themselves, some tens of thousands) are eight bytes each. */
#define LIMIT_OWNED_FILES ((size_t)1000000)
#define LIMIT_LINK_DEPTH ((size_t)40) /* Linux' own MAXSYMLINKS */

/* Archives inside of layers: jars, wheels. The largest fat jars have some 200,000 members; a war in an ear holds jars
 * that hold jars. */
#define LIMIT_ZIP_MEMBERS ((size_t)2000000)
#define LIMIT_ARCHIVE_DEPTH ((size_t)16)            /* archives in archives that are looked into */
#define LIMIT_ARCHIVE_WORK_BYTES (1024 * LIMIT_MIB) /* read of members for one outermost file: some two seconds */
#define LIMIT_ARCHIVE_METADATA_BYTES LIMIT_MIB      /* a manifest with a digest for each class has some 500 KiB */

/* SQLite's own tables are 3 pages deep at a million rows. */
#define LIMIT_SQLITE_DEPTH ((size_t)32)

#define LIMIT_AUDIT_BYTES (8 * LIMIT_MIB) /* cargo-auditable's list, unpacked; its own reader takes as much */

/* Package URLs. Real ones stay under 1 KiB and have two or three qualifiers. */
#define LIMIT_PURL_BYTES (16 * LIMIT_KIB)
#define LIMIT_PURL_QUALIFIERS ((size_t)64)

/* Secret rules. A thousand services with a few token kinds each; a PEM key of 16384 bits has 13 KiB. */
#define LIMIT_SECRET_RULES ((size_t)20000)
#define LIMIT_SECRET_RULE_FILE_BYTES (4 * LIMIT_MIB)
#define LIMIT_SECRET_RULES_BYTES (256 * LIMIT_MIB) /* all rules of a run, parsed */
#define LIMIT_SECRET_MATCH_BYTES ((size_t)16384)   /* well under LIMIT_WINDOW_OVERLAP, with its context */
#define LIMIT_SECRET_EXAMPLE_BYTES ((size_t)16384)
#define LIMIT_SECRET_LITERAL_HITS                                                                                      \
    ((size_t)1 << 20) /* of one body: 8 MiB a thread; a body of nothing but literals has that many */
#define LIMIT_SECRET_WORK_RATIO                                                                                        \
    ((uint64_t)8) /* work on literals' places per byte of body, in units of about a nanosecond: ordinary text takes    \
                   * less than 0.1, a file of nothing but settings 5. One rule may take half of it */
#define LIMIT_SECRET_WORK_FLOOR ((uint64_t)512 * LIMIT_KIB) /* allowed to every body, however small */

/* Encodings and archives inside bodies. A jar in a war in an ear in a tar in a gzip is 5, a manifest of base64 in it 6.
 */
#define LIMIT_SECRET_DECODE_DEPTH 32u
#define LIMIT_SECRET_DECODE_DEPTH_DEFAULT 6u
#define LIMIT_SECRET_DECODE_BYTES (256 * (uint64_t)LIMIT_MIB) /* of one body in all: a second's work */

/* Git repositories. git itself makes chains of 4,095 deltas at most, and 50 unless told otherwise. */
#define LIMIT_GIT_OBJECT_BYTES (256 * LIMIT_MIB) /* of one object; a delta needs its base as a whole */
#define LIMIT_GIT_DELTA_DEPTH ((size_t)4096)
#define LIMIT_GIT_PACKS ((size_t)4096) /* git gc leaves one; 50 make it run */
#define LIMIT_GIT_ALTERNATES ((size_t)64)
#define LIMIT_GIT_CACHE_BYTES (64 * LIMIT_MIB)  /* of objects that were made lately */
#define LIMIT_GIT_NAMES_BYTES (256 * LIMIT_MIB) /* names of blobs, from trees: some two million */

/* Binary signatures. A match with its context; far under LIMIT_WINDOW_OVERLAP, so that no window's end can cut one. */
#define LIMIT_SIGNATURE_BYTES ((size_t)1024)
#define LIMIT_SIGNATURE_FILE_BYTES LIMIT_MIB
#define LIMIT_SIGNATURES_PER_PATH ((size_t)32) /* `mysql` has the most, with eight */
/* What one signature may do in one file, in units of about a nanosecond (regex.h). Go programs of 100 MiB have 20,000
 * version-like numbers, which take a twentieth of it. */
#define LIMIT_SIGNATURE_WORK ((uint64_t)64 << 20)

/* Vulnerability feeds. The largest archive of one ecosystem seen holds 21,000 records and unpacks to 130 MiB. */
#define LIMIT_FEED_MEMBERS ((size_t)4000000) /* members of one archive */
#define LIMIT_FEED_DOCUMENT_BYTES                                                                                      \
    (64 * LIMIT_MIB) /* one document, or line of NDJSON; its tree is some ten times as large */
#define LIMIT_FEED_BYTES (64 * (uint64_t)LIMIT_GIB) /* what one archive unpacks to */
#define LIMIT_MIRROR_INDEX_BYTES (256 * LIMIT_MIB)  /* modified_id.csv: npm has 220,000 lines of 40 bytes */
#define LIMIT_MIRROR_SINGLES                                                                                           \
    ((size_t)512) /* advisories fetched one by one; more are fetched as the ecosystem's archive */
#define LIMIT_VULNDB_ROWS ((size_t)100000000) /* ranges: 14 ecosystems have 250,000 */
#define LIMIT_RANGE_EVENTS ((size_t)4096)     /* of one range; real ones have tens */
#define LIMIT_IGNORE_ENTRIES                                                                                           \
    ((size_t)10000) /* of an ignore file: each is held against each finding, and a person wrote each with a reason */
#define LIMIT_VEX_FILE_BYTES (256 * LIMIT_MIB)  /* a distribution's whole feed in one document takes some 100 MiB */
#define LIMIT_IGNORE_FILE_BYTES (8 * LIMIT_MIB) /* some 800 bytes an entry */
#define LIMIT_SUMMARY_BYTES ((size_t)300)       /* of an advisory's one-line summary; the rest is cut */

/* `trawl match`: a line of its input; a query is some hundred bytes. */
#define LIMIT_MATCH_LINE_BYTES (64 * LIMIT_KIB)

/* Text of one field of a package or a row: names and versions beyond this are not names. */
#define LIMIT_FIELD_BYTES (4 * LIMIT_KIB)

/* One value of the cache that a later sweep could do without: an image's rows, a package set. Beyond it the image is
 * composed again each night, rather than to hold so much of it in memory. */
#define LIMIT_KEPT_ROWS_BYTES (32 * LIMIT_MIB)

/* Shards. A row's largest real value is an image's labels: some 100 KiB. A frame is a mebibyte of rows or one row. */
#define LIMIT_ROW_BYTES (16 * LIMIT_MIB)
#define LIMIT_SHARD_FRAME_BYTES (LIMIT_ROW_BYTES + LIMIT_MIB)
#define LIMIT_SHARD_MANIFEST_BYTES (64 * LIMIT_MIB) /* a list file is one target; a million single ones fit */
#define LIMIT_EXPORT_TABLE_ROWS ((uint64_t)10000)   /* per table and severity on a terminal: nobody scrolls further */

#endif
