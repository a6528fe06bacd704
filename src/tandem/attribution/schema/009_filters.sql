-- Whether a person meets all filters, from the facets of their visits: to be asked of rows grouped by person. Filters choose
-- persons: each (facet, operation, values) asks for a visit that meets it, or, when it says "not", for none that does.
create or replace function meets_all as (facets, filters) -> arrayAll(
    (is_met, f) -> is_met = (f.2 in ('is', 'contains')),
    maxForEach(arrayMap(
        f -> toUInt8(if(
            f.2 in ('is', 'is_not'), has(f.3, facets[f.1]),
            arrayExists(part -> positionCaseInsensitiveUTF8(facets[f.1], part) > 0, f.3)
        )),
        filters
    )),
    filters
);
