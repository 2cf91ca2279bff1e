/* Rows of any table, made from a number: the same number gives the same row, others differ in every kind of column. */
#ifndef TRAWL_ROW_FIXTURE_H
#define TRAWL_ROW_FIXTURE_H

#include "base/model/row.h"

/* Fills all columns and ends the row. `spread` bounds how many different texts a key column takes. */
void support_row(struct row *row, enum table table, uint64_t number, uint64_t spread);

/* A vulnerability row as a sweep makes them: lengths and repetition of the real thing. */
void support_vulnerability(struct row *row, uint64_t number);

#endif
