/* What Debian's libstdc++ and Bun want of a C library and musl does not have, for musl.test.ts.
 * SPDX-License-Identifier: MIT
 *
 * Enough to start a program; nothing that the addon calls is in here.
 */
#include <locale.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded;

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library)
{
	(void)destroy, (void)object, (void)library;
	return 0;
}

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time, locale_t locale)
{
	return strftime_l(text, size, format, time, locale);
}

int _dl_find_object(void *address, void *result)
{
	(void)address, (void)result;
	return -1;
}

unsigned int arc4random(void)
{
	unsigned int number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort();
	return number;
}

void __register_frame_info(const void *begin, void *object)
{
	(void)begin, (void)object;
}

void *__deregister_frame_info(const void *begin)
{
	(void)begin;
	return NULL;
}

/* std::__glibcxx_assert_fail() of GCC 13, and two istream::ignore() whose versions the archive cannot say. */
void _ZSt21__glibcxx_assert_failPKciS0_S0_(void) { abort(); }
void _ZNSi6ignoreEl(void) { abort(); }
void _ZNSt13basic_istreamIwSt11char_traitsIwEE6ignoreEl(void) { abort(); }
