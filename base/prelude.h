/* The first include of every header: the standard headers, then the functions that trawl does not use.
 * A banned function is a compile error that names the replacement's home. `malloc` and `free` cannot be
 * banned this way, because library headers use them inline: scripts/check_symbols.sh looks at the objects. */
#ifndef TRAWL_PRELUDE_H
#define TRAWL_PRELUDE_H

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define BANNED(name) trawl_does_not_use_##name

/* Unbounded or locale-dependent text: base/text.h and base/buf.h instead. */
#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef strncat
#define strncat(...) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef sscanf
#define sscanf(...) BANNED(sscanf)
#undef strtok
#define strtok(...) BANNED(strtok)
/* Numbers out of text: text_u64() and friends, which know the end of their input. */
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef atoll
#define atoll(...) BANNED(atoll)
#undef atof
#define atof(...) BANNED(atof)
#undef strtol
#define strtol(...) BANNED(strtol)
#undef strtoul
#define strtoul(...) BANNED(strtoul)
#undef strtoll
#define strtoll(...) BANNED(strtoll)
#undef strtoull
#define strtoull(...) BANNED(strtoull)
/* Static storage or hidden state: base/clock.h, explicit seeds. */
#undef gmtime
#define gmtime(...) BANNED(gmtime)
#undef localtime
#define localtime(...) BANNED(localtime)
#undef ctime
#define ctime(...) BANNED(ctime)
#undef rand
#define rand(...) BANNED(rand)
#undef srand
#define srand(...) BANNED(srand)
#undef mktemp
#define mktemp(...) BANNED(mktemp)
#undef tmpnam
#define tmpnam(...) BANNED(tmpnam)
#undef setenv
#define setenv(...) BANNED(setenv)
/* A shell, or a stack frame of a size that the input chooses. */
#undef system
#define system(...) BANNED(system)
#undef popen
#define popen(...) BANNED(popen)
#undef alloca
#define alloca(...) BANNED(alloca)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Asserts of hot loops: checked in sanitizer builds only. Plain assert() stays on in release. */
#ifdef TRAWL_DEBUG
#define assert_debug(condition) assert(condition)
#else
#define assert_debug(condition) ((void)0)
#endif

#endif
