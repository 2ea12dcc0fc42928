/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios for the simulator: see scene.h.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "converge/doc.h"
#include "converge/scene.h"
#include "util/i18n.h"

#define TIB 1099511627776.0
#define YEAR_S (366 * 86400.0)

/* Bytes a second that one thread sends uncompressed, if the scenario has no
 * other value; measured on machines since 2020. */
#define STREAM_BYTES_PER_S 1.1e9

/* The members of a scenario in the file. */
typedef struct {
    const char *name;
    guint64 ram_bytes;
    guint64 data_bytes;
    guint64 disk_bytes;
    gint64 disks;
    gboolean vfio;
    gboolean postcopy;
    const char *method;
    gint64 channels;
    double ratio;
    double later_ratio;
    double stream_speed;
    double max_bandwidth;
    double device_ms;
    gint64 downtime_ms;
    double limit_s;
    const MtDoc *work;
    const MtDoc *link;
} SceneText;

#define SCENE(type, member, min, max) \
    { #member, MT_FIELD_##type, G_STRUCT_OFFSET(SceneText, member), min, max }

static const MtField scene_fields[] = {
    SCENE(TEXT, name, 0, 0),
    SCENE(UINT, ram_bytes, 1, 1024 * TIB),
    SCENE(UINT, data_bytes, 0, 1024 * TIB),
    SCENE(UINT, disk_bytes, 0, 1024 * TIB),
    SCENE(INT, disks, 0, 1000),
    SCENE(BOOL, vfio, 0, 0),
    SCENE(BOOL, postcopy, 0, 0),
    SCENE(TEXT, method, 0, 0),
    SCENE(INT, channels, 1, 255),
    SCENE(DOUBLE, ratio, 0.001, 10),
    SCENE(DOUBLE, later_ratio, 0.001, 10),
    SCENE(DOUBLE, stream_speed, 1000, 1e15),
    SCENE(DOUBLE, max_bandwidth, 1000, 1e15),
    SCENE(DOUBLE, device_ms, 0, 1e9),
    SCENE(INT, downtime_ms, 0, MT_DOWNTIME_MAX_MS),
    SCENE(DOUBLE, limit_s, 0.001, YEAR_S),
    SCENE(NODE, work, 0, 0),
    SCENE(NODE, link, 0, 0),
};

typedef struct {
    double from_s;
    const MtDoc *parts;
} WorkText;

static const MtField work_fields[] = {
    { "from_s", MT_FIELD_DOUBLE, G_STRUCT_OFFSET(WorkText, from_s), 0,
      YEAR_S },
    { "parts", MT_FIELD_NODE, G_STRUCT_OFFSET(WorkText, parts) },
};

static const MtField part_fields[] = {
    { "bytes", MT_FIELD_DOUBLE, G_STRUCT_OFFSET(MtModelPart, bytes), 1,
      1024 * TIB },
    { "rate", MT_FIELD_DOUBLE, G_STRUCT_OFFSET(MtModelPart, rate), 0, 1e15 },
};

static const MtField link_fields[] = {
    { "from_s", MT_FIELD_DOUBLE, G_STRUCT_OFFSET(MtSimLink, from_s), 0,
      YEAR_S },
    { "bandwidth", MT_FIELD_DOUBLE, G_STRUCT_OFFSET(MtSimLink, bandwidth),
      1000, 1e15 },
};

/* How each method uses the ratios and the number of channels of a scenario. */
static const struct {
    const char *name;
    gboolean threads;       /* "channels" work in parallel */
    gboolean bulk;          /* "ratio" also applies to the first pass */
    gboolean later;         /* a ratio applies to the later passes */
} methods[] = {
    { "none", FALSE, FALSE, FALSE },
    { "multifd", TRUE, FALSE, FALSE },
    { "compression", TRUE, TRUE, TRUE },
    { "xbzrle", FALSE, FALSE, TRUE },
};

/* The first phase must begin at 0, and each other phase after the one before
 * it. */
static gboolean
scene_in_order(const MtDocReader *reader, const MtDoc *doc, guint i,
               double from_s, double before_s)
{
    if (i ? from_s > before_s : from_s == 0)
        return TRUE;

    mt_findings_add(reader->findings, MT_FINDING_ERROR, "order", reader->file,
                    doc->line,
                    i ? _("'from_s' is %g, which is not after the phase "
                          "before, %g") :
                    _("'from_s' of the first phase is %g; expected %g"),
                    from_s, i ? before_s : 0.0);
    return FALSE;
}

static gboolean
scene_n_phases(const MtDocReader *reader, const MtDoc *list, const char *name)
{
    if (!mt_doc_expect(reader, list, MT_DOC_LIST, name))
        return FALSE;
    if (list->items->len >= 1 && list->items->len <= MT_SIM_PHASES)
        return TRUE;

    mt_findings_add(reader->findings, MT_FINDING_ERROR, "phases",
                    reader->file, list->line,
                    _("'%s' has %u phases; expected 1 to %d"), name,
                    list->items->len, MT_SIM_PHASES);
    return FALSE;
}

static void
scene_read_parts(const MtDocReader *reader, const MtDoc *parts,
                 MtModel *model)
{
    if (!mt_doc_expect(reader, parts, MT_DOC_LIST, "parts"))
        return;
    if (parts->items->len > MT_MODEL_PARTS) {
        mt_findings_add(reader->findings, MT_FINDING_ERROR, "parts",
                        reader->file, parts->line,
                        _("'parts' has %u entries; expected at most %d"),
                        parts->items->len, MT_MODEL_PARTS);
        return;
    }
    for (guint i = 0; i < parts->items->len; i++) {
        const MtDoc *part = g_ptr_array_index(parts->items, i);

        /* Without "bytes" the guest writes to new pages all the time. */
        model->parts[i] = (MtModelPart){ INFINITY, 0 };
        if (mt_doc_expect(reader, part, MT_DOC_MAP, "parts"))
            mt_doc_read(reader, part, part_fields, G_N_ELEMENTS(part_fields),
                        &model->parts[i]);
    }
    model->n_parts = parts->items->len;
}

static void
scene_read_work(const MtDocReader *reader, const MtDoc *list,
                MtSimScene *scene)
{
    if (!list) {
        scene->n_works = 1;     /* an idle guest */
        return;
    }
    if (!scene_n_phases(reader, list, "work"))
        return;

    for (guint i = 0; i < list->items->len; i++) {
        const MtDoc *doc = g_ptr_array_index(list->items, i);
        WorkText work = { 0 };

        if (!mt_doc_expect(reader, doc, MT_DOC_MAP, "work"))
            return;
        mt_doc_read(reader, doc, work_fields, G_N_ELEMENTS(work_fields),
                    &work);
        if (!scene_in_order(reader, doc, i, work.from_s,
                            i ? scene->works[i - 1].from_s : 0))
            return;
        scene->works[i].from_s = work.from_s;
        if (work.parts)
            scene_read_parts(reader, work.parts, &scene->works[i].model);
    }
    scene->n_works = list->items->len;
}

static void
scene_read_link(const MtDocReader *reader, const MtDoc *scenario,
                const MtDoc *list, MtSimScene *scene)
{
    if (!list) {
        mt_findings_add(reader->findings, MT_FINDING_ERROR, "missing",
                        reader->file, scenario->line,
                        _("a scenario needs '%s'"), "link");
        return;
    }
    if (!scene_n_phases(reader, list, "link"))
        return;

    for (guint i = 0; i < list->items->len; i++) {
        const MtDoc *doc = g_ptr_array_index(list->items, i);

        if (!mt_doc_expect(reader, doc, MT_DOC_MAP, "link"))
            return;
        mt_doc_read(reader, doc, link_fields, G_N_ELEMENTS(link_fields),
                    &scene->links[i]);
        if (!scene_in_order(reader, doc, i, scene->links[i].from_s,
                            i ? scene->links[i - 1].from_s : 0))
            return;
        if (scene->links[i].bandwidth <= 0) {
            mt_findings_add(reader->findings, MT_FINDING_ERROR, "missing",
                            reader->file, doc->line,
                            _("a link needs '%s'"), "bandwidth");
            return;
        }
    }
    scene->n_links = list->items->len;
}

static void
scene_set_method(const MtDocReader *reader, const MtDoc *doc,
                 const SceneText *text, MtSimScene *scene)
{
    double later_ratio = text->later_ratio ? text->later_ratio : text->ratio;

    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (!g_str_equal(methods[i].name, text->method))
            continue;
        scene->ratio = methods[i].bulk ? text->ratio : 1;
        scene->later_ratio = methods[i].later ? later_ratio : 1;
        scene->speed = text->stream_speed *
            (methods[i].threads ? text->channels : 1);
        return;
    }
    mt_findings_add(reader->findings, MT_FINDING_ERROR, "method",
                    reader->file, doc->line,
                    _("'%s' is not a method; expected none, multifd, "
                      "compression or xbzrle"), text->method);
}

static void
scene_free(gpointer data)
{
    MtScene *scene = data;

    g_free(scene->name);
    g_free(scene);
}

static MtScene *
scene_read(const MtDocReader *reader, const MtDoc *doc, guint i)
{
    MtScene *result = g_new0(MtScene, 1);
    MtSimScene *scene = &result->scene;
    SceneText text = {
        .data_bytes = G_MAXUINT64,
        .postcopy = TRUE,
        .method = "none",
        .channels = 1,
        .ratio = 1,
        .stream_speed = STREAM_BYTES_PER_S,
        .downtime_ms = 300,
        .limit_s = 86400,
    };

    mt_doc_read(reader, doc, scene_fields, G_N_ELEMENTS(scene_fields), &text);
    if (!text.ram_bytes)
        mt_findings_add(reader->findings, MT_FINDING_ERROR, "missing",
                        reader->file, doc->line,
                        _("a scenario needs '%s'"), "ram_bytes");
    result->name = text.name ? g_strdup(text.name) :
        g_strdup_printf("%u", i + 1);
    scene->guest = (MtPolicyGuest){
        .ram_bytes = text.ram_bytes,
        .disk_bytes = text.disk_bytes,
        .n_disks = text.disks,
        .disk_gib = MAX(text.disk_bytes / 1073741824.0, 2.0 * text.disks),
        .vfio = text.vfio,
        .postcopy = text.postcopy && !text.vfio,
    };
    scene->data_bytes = MIN(text.data_bytes, text.ram_bytes);
    scene->max_bandwidth = text.max_bandwidth;
    scene->device_s = text.device_ms / 1000;
    scene->downtime_ms = text.downtime_ms;
    scene->limit_s = text.limit_s;
    scene_set_method(reader, doc, &text, scene);
    scene_read_work(reader, text.work, scene);
    scene_read_link(reader, doc, text.link, scene);
    return result;
}

GPtrArray *
mt_scenes_parse(const char *text, gsize length, const char *file,
                MtFindings *findings)
{
    static const MtField fields[] = {
        { "scenarios", MT_FIELD_NODE, 0 },
    };
    const MtDocReader reader = { file, findings };
    g_autoptr(MtDoc) doc = mt_doc_parse_json(text, length, file, findings);
    g_autoptr(GPtrArray) scenes = g_ptr_array_new_with_free_func(scene_free);
    const MtDoc *list = NULL;

    if (!doc || !mt_doc_expect(&reader, doc, MT_DOC_MAP, file))
        return NULL;
    mt_doc_read(&reader, doc, fields, G_N_ELEMENTS(fields), &list);
    if (!list || list->kind != MT_DOC_LIST || !list->items->len ||
        list->items->len > MT_SCENES_MAX) {
        mt_findings_add(findings, MT_FINDING_ERROR, "missing", file,
                        list ? list->line : doc->line,
                        _("expected a member 'scenarios' with a list of 1 to "
                          "%d scenarios"), MT_SCENES_MAX);
        return NULL;
    }

    for (guint i = 0; i < list->items->len; i++) {
        const MtDoc *item = g_ptr_array_index(list->items, i);

        if (mt_doc_expect(&reader, item, MT_DOC_MAP, "scenarios"))
            g_ptr_array_add(scenes, scene_read(&reader, item, i));
    }
    return mt_findings_check(findings, NULL) ? g_steal_pointer(&scenes) : NULL;
}
