/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of QEMU releases, and their text form.
 */
#include "config.h"

#include <string.h>

#include "params/release.h"

#define R MT_RELEASE
static const MtRelease release_list[] = {
    R(2, 4),  R(2, 5),  R(2, 6),  R(2, 7),  R(2, 8), R(2, 9), R(2, 10),
    R(2, 11), R(2, 12), R(3, 0),  R(3, 1),  R(4, 0), R(4, 1), R(4, 2),
    R(5, 0),  R(5, 1),  R(5, 2),  R(6, 0),  R(6, 1), R(6, 2), R(7, 0),
    R(7, 1),  R(7, 2),  R(8, 0),  R(8, 1),  R(8, 2), R(9, 0), R(9, 1),
    R(9, 2),  R(10, 0), R(10, 1), R(10, 2), R(11, 0), R(11, 1),
    MT_RELEASE_NONE,
};
#undef R

const MtRelease *
mt_releases(void)
{
    return release_list;
}

MtRelease
mt_release_before(MtRelease release)
{
    MtRelease before = MT_RELEASE_NONE;

    for (const MtRelease *r = release_list; *r && *r < release; r++)
        before = *r;

    return before;
}

MtRelease
mt_release_parse(const char *text)
{
    char *end;
    guint64 major, minor;

    if (*text == 'v')
        text++;
    if (!g_ascii_isdigit(*text))
        return MT_RELEASE_NONE;
    major = g_ascii_strtoull(text, &end, 10);
    if (*end != '.' || !g_ascii_isdigit(end[1]) || major > 200)
        return MT_RELEASE_NONE;
    minor = g_ascii_strtoull(end + 1, &end, 10);
    if (minor > 200 || (*end && *end != '.' && *end != '-' && *end != ' '))
        return MT_RELEASE_NONE;

    return MT_RELEASE(major, minor);
}

gboolean
mt_release_exists(MtRelease release)
{
    for (const MtRelease *r = release_list; *r; r++) {
        if (*r == release)
            return TRUE;
    }

    return FALSE;
}

char *
mt_release_format(MtRelease release)
{
    if (release == MT_RELEASE_NONE)
        return NULL;

    return g_strdup_printf("%d.%d", release >> 8, release & 0xff);
}

MtVersion
mt_version_parse(const char *text)
{
    MtRelease release = mt_release_parse(text);
    guint64 micro = 0;
    const char *dot;

    if (release == MT_RELEASE_NONE)
        return MT_VERSION_NONE;
    dot = strchr(text, '.');
    dot += strspn(dot + 1, "0123456789") + 1;
    if (*dot == '.' && g_ascii_isdigit(dot[1]))
        micro = g_ascii_strtoull(dot + 1, NULL, 10);

    return MT_VERSION(release >> 8, release & 0xff, MIN(micro, 0xff));
}

MtRelease
mt_version_release(MtVersion version)
{
    return MT_RELEASE(version >> 16, version >> 8 & 0xff);
}

char *
mt_version_format(MtVersion version)
{
    if (version == MT_VERSION_NONE)
        return NULL;

    return g_strdup_printf("%u.%u.%u", version >> 16, version >> 8 & 0xff,
                           version & 0xff);
}
