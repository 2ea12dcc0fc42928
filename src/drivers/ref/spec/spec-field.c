/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fields of a guest, and of a fault, from text.
 *
 * Options of a URI and attributes of the XML file use the same table.  Numbers
 * are parsed like the values of parameters, so that units are the same
 * everywhere.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/spec/spec.h"
#include "migtune/migtune-error.h"
#include "params/value.h"
#include "util/i18n.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define FIELD_PAGE_BYTES 4096
#define FIELD_NAME_MAX 64

typedef struct Field Field;

/* Reads @text into the member at @to. */
typedef gboolean (*FieldRead)(const Field *field, gpointer spec, gpointer to,
                              const char *text, GError **error);

struct Field {
    const char *name;
    FieldRead read;
    gsize offset;
    /* Of numbers. */
    MtUnit unit;
    guint64 min, max;
};

G_GNUC_PRINTF(3, 4)
static gboolean
field_error(GError **error, const char *name, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE, "%s: %s", name,
                      what);

    return FALSE;
}

static gboolean
field_parse_number(const Field *field, const char *text, guint64 *ret,
                   GError **error)
{
    const MtRow row = {
        .name = field->name, .type = MT_TYPE_ULLONG, .unit = field->unit,
        .min = field->min, .max = field->max,
    };
    g_autoptr(MtValue) value = mt_value_parse(&row, MT_SPELLING_QMP, text,
                                              error);

    if (!value)
        return FALSE;

    *ret = value->number;
    return TRUE;
}

static gboolean
field_read_u64(const Field *field, gpointer spec, gpointer to,
               const char *text, GError **error)
{
    return field_parse_number(field, text, to, error);
}

static gboolean
field_read_uint(const Field *field, gpointer spec, gpointer to,
                const char *text, GError **error)
{
    guint64 number;

    if (!field_parse_number(field, text, &number, error))
        return FALSE;

    *(guint *)to = number;
    return TRUE;
}

static gboolean
field_read_text(const Field *field, gpointer spec, gpointer to,
                const char *text, GError **error)
{
    char **member = to;

    if (!*text)
        return field_error(error, field->name, _("the value is empty"));
    if (!g_utf8_validate(text, -1, NULL))
        return field_error(error, field->name,
                           _("the value is not valid UTF-8"));

    g_free(*member);
    *member = g_strdup(text);
    return TRUE;
}

/* The name is also used as the name of a socket and in keys. */
static gboolean
field_read_name(const Field *field, gpointer spec, gpointer to,
                const char *text, GError **error)
{
    if (strlen(text) > FIELD_NAME_MAX)
        return field_error(error, field->name,
                           _("the name has %u bytes; the maximum is %d"),
                           (guint)strlen(text), FIELD_NAME_MAX);
    if (*text == '.')
        return field_error(error, field->name,
                           _("'%s' starts with a dot, which is not accepted"),
                           text);
    for (const char *p = text; *p; p++) {
        if (*p == '/' || g_ascii_iscntrl(*p))
            return field_error(error, field->name,
                               _("slashes and control characters are not "
                                 "accepted"));
    }

    return field_read_text(field, spec, to, text, error);
}

static gboolean
field_read_uuid(const Field *field, gpointer spec, gpointer to,
                const char *text, GError **error)
{
    if (!g_uuid_string_is_valid(text))
        return field_error(error, field->name,
                           _("'%s' is not a UUID; expected 32 hexadecimal "
                             "digits such as %s"), text,
                           "2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201");

    return field_read_text(field, spec, to, text, error);
}

static gboolean
field_read_release(const Field *field, gpointer spec, gpointer to,
                   const char *text, GError **error)
{
    MtRelease release = mt_release_parse(text);

    if (!mt_release_exists(release)) {
        g_autofree char *first = mt_release_format(MT_RELEASE_FIRST);
        g_autofree char *last = mt_release_format(MT_RELEASE_LAST);

        return field_error(error, field->name,
                           _("'%s' is not a supported QEMU release; expected "
                             "%s to %s"), text, first, last);
    }

    *(MtRelease *)to = release;
    return TRUE;
}

/* Reports a value that is not one of the words that @nth gives. */
static gboolean
field_bad_word(const Field *field, const char *text,
               const char *(*nth)(guint nth), GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (guint i = 0; nth(i); i++)
        g_string_append_printf(all, "%s%s", i ? ", " : "", nth(i));

    return field_error(error, field->name,
                       _("'%s' is not accepted; expected one of %s"), text,
                       all->str);
}

static const char *
field_nth_content(guint nth)
{
    return nth < MT_CONTENT_N ? mt_content_name(nth) : NULL;
}

static gboolean
field_read_content(const Field *field, gpointer spec, gpointer to,
                   const char *text, GError **error)
{
    return mt_content_from_name(text, to) ||
           field_bad_word(field, text, field_nth_content, error);
}

static const char *
field_nth_workload(guint nth)
{
    return nth < MT_WORKLOAD_N ? mt_workload_name(nth) : NULL;
}

static gboolean
field_read_workload(const Field *field, gpointer spec, gpointer to,
                    const char *text, GError **error)
{
    return mt_workload_from_name(text, to) ||
           field_bad_word(field, text, field_nth_workload, error);
}

static const char *
field_nth_fault(guint nth)
{
    /* MT_REF_FAULT_NONE cannot be set. */
    return nth + 1 < MT_REF_N_FAULTS ? mt_ref_fault_to_string(nth + 1) : NULL;
}

static gboolean
field_read_fault_kind(const Field *field, gpointer spec, gpointer to,
                      const char *text, GError **error)
{
    MtRefFaultKind kind;

    if (!mt_ref_fault_from_string(text, &kind) || kind == MT_REF_FAULT_NONE)
        return field_bad_word(field, text, field_nth_fault, error);

    *(MtRefFaultKind *)to = kind;
    return TRUE;
}

/* "main", or the number of a channel of multifd. */
static gboolean
field_read_channel(const Field *field, gpointer spec, gpointer to,
                   const char *text, GError **error)
{
    guint64 number;

    if (strcmp(text, "main") == 0) {
        *(int *)to = -1;
        return TRUE;
    }
    if (!field_parse_number(field, text, &number, error))
        return FALSE;

    *(int *)to = number;
    return TRUE;
}

/* Two words, of which the second means TRUE. */
static const struct {
    const char *field;
    const char *no;
    const char *yes;
} field_choices[] = {
    { "deprecated-input", "accept", "reject" },
    { "deprecated-output", "accept", "hide" },
    { "unstable-input", "accept", "reject" },
    { "unstable-output", "accept", "hide" },
};

static gboolean
field_read_choice(const Field *field, gpointer spec, gpointer to,
                  const char *text, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(field_choices); i++) {
        if (strcmp(field_choices[i].field, field->name) != 0)
            continue;
        if (strcmp(text, field_choices[i].no) != 0 &&
            strcmp(text, field_choices[i].yes) != 0)
            return field_error(error, field->name,
                               _("'%s' is not accepted; expected %s or %s"),
                               text, field_choices[i].no,
                               field_choices[i].yes);
        *(gboolean *)to = strcmp(text, field_choices[i].yes) == 0;
        return TRUE;
    }

    g_assert_not_reached();
}

static const struct {
    const char *name;
    gboolean incoming;
    gboolean paused;
} field_states[] = {
    { "running", FALSE, FALSE },
    { "paused", FALSE, TRUE },
    { "incoming", TRUE, FALSE },
    { "incoming-paused", TRUE, TRUE },
};

static const char *
field_nth_state(guint nth)
{
    return nth < G_N_ELEMENTS(field_states) ? field_states[nth].name : NULL;
}

static gboolean
field_read_state(const Field *field, gpointer data, gpointer to,
                 const char *text, GError **error)
{
    MtRefGuestSpec *spec = data;

    for (gsize i = 0; i < G_N_ELEMENTS(field_states); i++) {
        if (strcmp(field_states[i].name, text) == 0) {
            spec->incoming = field_states[i].incoming;
            spec->paused = field_states[i].paused;
            return TRUE;
        }
    }

    return field_bad_word(field, text, field_nth_state, error);
}

/* Words separated by spaces or commas; may be empty. */
static gboolean
field_read_build(const Field *field, gpointer spec, gpointer to,
                 const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t\n,", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    char ***member = to;

    for (char **word = words; *word; word++) {
        if (**word)
            g_ptr_array_add(kept, g_strdup(*word));
    }
    g_ptr_array_add(kept, NULL);
    g_strfreev(*member);
    *member = (char **)g_ptr_array_steal(kept, NULL);

    return TRUE;
}

/* "NAME:STATE" */
static gboolean
field_read_row(const Field *field, gpointer data, gpointer to,
               const char *text, GError **error)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *name = NULL;
    MtRefState state;

    if (!colon || colon == text)
        return field_error(error, field->name,
                           _("'%s' is not of the form NAME:STATE"), text);
    if (!mt_ref_state_from_string(colon + 1, &state))
        return field_error(error, field->name,
                           _("'%s' is not accepted; expected one of %s"),
                           colon + 1,
                           "present, deprecated, stubbed, removed");

    name = g_strndup(text, colon - text);
    mt_ref_guest_spec_add_override(data, name, state);
    return TRUE;
}

static gboolean
field_read_fault(const Field *field, gpointer data, gpointer to,
                 const char *text, GError **error)
{
    MtRefFault fault;

    if (!mt_ref_fault_from_text(text, &fault, error))
        return FALSE;

    mt_ref_guest_spec_add_fault(data, &fault);
    mt_ref_fault_clear(&fault);
    return TRUE;
}

#define OF_SPEC(member) G_STRUCT_OFFSET(MtRefGuestSpec, member)
#define OF_FAULT(member) G_STRUCT_OFFSET(MtRefFault, member)

static const Field spec_fields[] = {
    { "name", field_read_name, OF_SPEC(name) },
    { "uuid", field_read_uuid, OF_SPEC(uuid) },
    { "release", field_read_release, OF_SPEC(release) },
    { "build", field_read_build, OF_SPEC(build_options) },
    { "row", field_read_row },
    { "deprecated-input", field_read_choice, OF_SPEC(reject_deprecated) },
    { "deprecated-output", field_read_choice, OF_SPEC(hide_deprecated) },
    { "unstable-input", field_read_choice, OF_SPEC(reject_unstable) },
    { "unstable-output", field_read_choice, OF_SPEC(hide_unstable) },
    { "ram", field_read_u64, OF_SPEC(ram_bytes), MT_UNIT_BYTES, MIB, TIB },
    { "ram-file", field_read_text, OF_SPEC(ram_file) },
    { "content", field_read_content, OF_SPEC(content) },
    { "seed", field_read_u64, OF_SPEC(content_seed), .max = G_MAXUINT64 },
    { "machine", field_read_text, OF_SPEC(machine) },
    { "state", field_read_state },
    { "workload", field_read_workload, OF_SPEC(workload.kind) },
    { "workload-content", field_read_content, OF_SPEC(workload.content) },
    { "workload-seed", field_read_u64, OF_SPEC(workload.seed),
      .max = G_MAXUINT64 },
    { "workload-threads", field_read_uint, OF_SPEC(workload.n_threads),
      .min = 1, .max = 64 },
    { "workload-first-page", field_read_u64, OF_SPEC(workload.first_page),
      .max = TIB / FIELD_PAGE_BYTES },
    { "workload-pages", field_read_u64, OF_SPEC(workload.n_pages),
      .max = TIB / FIELD_PAGE_BYTES },
    { "workload-rate", field_read_u64, OF_SPEC(workload.pages_per_s),
      .max = 1000000000 },
    { "bandwidth", field_read_u64, OF_SPEC(link_bandwidth), MT_UNIT_RATE,
      1, TIB },
    { "latency", field_read_uint, OF_SPEC(link_latency_ms), MT_UNIT_MS,
      0, 60000 },
    { "fault", field_read_fault },
};

static const Field fault_fields[] = {
    { "kind", field_read_fault_kind, OF_FAULT(kind) },
    { "command", field_read_text, OF_FAULT(command) },
    { "at", field_read_u64, OF_FAULT(at), MT_UNIT_BYTES, 0, G_MAXINT64 },
    { "ms", field_read_u64, OF_FAULT(ms), MT_UNIT_MS, 1, 3600000 },
    { "channel", field_read_channel, OF_FAULT(channel), .max = 255 },
};

static gboolean
field_set(const Field *fields, gsize n_fields, gpointer data,
          const char *name, const char *text, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (gsize i = 0; i < n_fields; i++) {
        const Field *field = &fields[i];

        if (strcmp(field->name, name) == 0)
            return field->read(field, data, (char *)data + field->offset,
                               text, error);
        g_string_append_printf(all, "%s%s", i ? ", " : "", field->name);
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      fields == fault_fields
                      ? _("unknown option '%s' of a fault; expected one of "
                          "%s")
                      : _("unknown option '%s' of a guest; expected one of "
                          "%s"), name, all->str);

    return FALSE;
}

gboolean
mt_ref_guest_spec_set(MtRefGuestSpec *spec, const char *field,
                      const char *text, GError **error)
{
    return field_set(spec_fields, G_N_ELEMENTS(spec_fields), spec, field,
                     text, error);
}

gboolean
mt_ref_fault_set(MtRefFault *fault, const char *member, const char *text,
                 GError **error)
{
    return field_set(fault_fields, G_N_ELEMENTS(fault_fields), fault, member,
                     text, error);
}

/* The members that each kind of fault accepts. */
static const struct {
    gboolean command;
    gboolean at;
    gboolean ms;
    gboolean channel;
} fault_members[MT_REF_N_FAULTS] = {
    [MT_REF_FAULT_REFUSE] = { .command = TRUE, .at = TRUE },
    [MT_REF_FAULT_DELAY] = { .command = TRUE, .at = TRUE, .ms = TRUE },
    [MT_REF_FAULT_HANGUP] = { .command = TRUE, .at = TRUE },
    [MT_REF_FAULT_DROP] = { .at = TRUE, .channel = TRUE },
    [MT_REF_FAULT_STALL] = { .at = TRUE, .channel = TRUE },
    [MT_REF_FAULT_CORRUPT] = { .at = TRUE, .channel = TRUE },
    [MT_REF_FAULT_KILL] = { .at = TRUE },
};

gboolean
mt_ref_fault_check(const MtRefFault *fault, GError **error)
{
    const char *kind = mt_ref_fault_to_string(fault->kind);

    if (fault->kind == MT_REF_FAULT_NONE)
        return field_error(error, "fault", _("'kind' is missing"));
    if (fault->command && !fault_members[fault->kind].command)
        return field_error(error, "fault", _("'%s' is not accepted with kind "
                           "'%s'"), "command", kind);
    if (fault->ms && !fault_members[fault->kind].ms)
        return field_error(error, "fault", _("'%s' is not accepted with kind "
                           "'%s'"), "ms", kind);
    if (!fault->ms && fault_members[fault->kind].ms)
        return field_error(error, "fault", _("kind '%s' requires 'ms'"),
                           kind);
    if (fault->channel >= 0 && !fault_members[fault->kind].channel)
        return field_error(error, "fault", _("'%s' is not accepted with kind "
                           "'%s'"), "channel", kind);

    return TRUE;
}

gboolean
mt_ref_fault_from_text(const char *text, MtRefFault *ret_fault, GError **error)
{
    const char *colon = strchr(text, ':');
    g_autofree char *kind = colon ? g_strndup(text, colon - text)
        : g_strdup(text);
    g_auto(GStrv) members = g_strsplit(colon ? colon + 1 : "", ",", -1);
    MtRefFault fault = { .at = 1, .channel = -1 };
    gboolean ok = mt_ref_fault_set(&fault, "kind", kind, error);

    for (char **member = members; ok && *member; member++) {
        char *equals = strchr(*member, '=');

        if (!equals) {
            ok = field_error(error, "fault",
                             _("'%s' is not of the form MEMBER=VALUE"),
                             *member);
            break;
        }
        *equals = '\0';
        ok = mt_ref_fault_set(&fault, *member, equals + 1, error);
    }
    if (!ok || !mt_ref_fault_check(&fault, error)) {
        mt_ref_fault_clear(&fault);
        return FALSE;
    }

    *ret_fault = fault;
    return TRUE;
}

gboolean
mt_ref_guest_spec_check(const MtRefGuestSpec *spec, GError **error)
{
    guint64 n_pages = spec->ram_bytes / FIELD_PAGE_BYTES;

    if (!spec->name)
        return field_error(error, "guest", _("the name is missing"));
    if (spec->release == MT_RELEASE_NONE)
        return field_error(error, "guest", _("the QEMU release is missing"));
    if (spec->ram_bytes % FIELD_PAGE_BYTES)
        return field_error(error, "ram",
                           _("the size is not a multiple of %d bytes"),
                           FIELD_PAGE_BYTES);
    if (spec->workload.first_page >= n_pages ||
        spec->workload.n_pages > n_pages - spec->workload.first_page)
        return field_error(error, "workload",
                           _("the pages exceed the RAM, which has %u pages"),
                           (guint)n_pages);
    if (spec->build_options || spec->overrides->len) {
        g_autoptr(MtRefProfile) profile = mt_ref_profile_new(
            spec->release, (const char *const *)spec->build_options,
            (const MtRefOverride *)spec->overrides->data, error);

        if (!profile) {
            if (error)
                (*error)->code = MIGTUNE_ERROR_INVALID_VALUE;
            return FALSE;
        }
    }

    return TRUE;
}
