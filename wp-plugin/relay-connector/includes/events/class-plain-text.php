<?php
/**
 * Text as a person reads it.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * The only place that decodes. Each method is for one form in which WordPress and its plugins store text, because
 * decoding twice is as wrong as not decoding: a visitor can write "&amp;" or "<5V>" and mean it.
 */
final class Plain_Text {

	/**
	 * As the visitor typed it: nothing is encoded.
	 */
	const TYPED = 'typed';

	/**
	 * As sanitize_text_field() and sanitize_textarea_field() return it.
	 */
	const SANITIZED = 'sanitized';

	/**
	 * A title, a name or a label: text with entities and perhaps a few tags.
	 */
	const TITLE = 'title';

	/**
	 * HTML.
	 */
	const HTML = 'html';

	/**
	 * Longer titles are cut.
	 */
	const LONGEST = 10000;

	/**
	 * A comment, or a tag as the HTML standard defines it: the name starts with a letter. "3<5" is none.
	 */
	const TAG = '~<!--.*?-->|</?[a-z][^\s/>]*+(?:"[^"]*+"|\'[^\']*+\'|[^"\'>])*+>~is';

	/**
	 * Elements that are used in titles and labels.
	 */
	const INLINE = 'a|abbr|b|bdi|big|cite|code|del|div|em|font|h[1-6]|i|ins|kbd|label|mark|p|q|s|small|span|strike|strong|sub|sup|u';

	/**
	 * Elements that start on a new line.
	 */
	const BLOCKS = 'address|article|aside|blockquote|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|pre|section|table|tr|ul';

	/**
	 * Elements with content that is not text.
	 */
	const HIDDEN = '~<(script|style|template|noscript|iframe|object)\b[^>]*+>(?:(?!<\1\b).)*?</\1\s*>~is';

	/**
	 * A link that is closed before the next one begins.
	 */
	const LINK = '~<a\b[^>]*?\shref\s*=\s*(?:"([^"]*+)"|\'([^\']*+)\')[^>]*+>((?:(?!<a\b).)*?)</a\s*>~is';

	/**
	 * Tags in titles are removed from the inside to the outside, this many times.
	 */
	const DEEPEST = 10;

	/**
	 * The text of a source.
	 *
	 * @param mixed  $text   The text as the source stores it.
	 * @param string $format One of the constants above.
	 * @return string
	 */
	public static function of( $text, $format ) {
		switch ( $format ) {
			case self::HTML:
				return self::from_html( $text );
			case self::TITLE:
				return self::from_title( $text, self::LONGEST );
			case self::SANITIZED:
				return self::from_sanitized( $text );
		}
		return self::clean( $text );
	}

	/**
	 * A text that was stored as it was typed: without control characters, and with invalid UTF-8 replaced.
	 *
	 * @param mixed $text The text.
	 * @return string
	 */
	public static function clean( $text ) {
		$text = str_replace( array( "\r\n", "\r" ), "\n", self::valid( $text ) );
		return (string) preg_replace( '/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/', '', $text );
	}

	/**
	 * A text that was stored as it was typed, as one line.
	 *
	 * @param mixed $text    The text.
	 * @param int   $longest The number of characters.
	 * @return string
	 */
	public static function line( $text, $longest = 200 ) {
		return self::one_line( self::clean( $text ), $longest );
	}

	/**
	 * A text from sanitize_text_field() or sanitize_textarea_field(). They remove tags and leave "&" as it is, with one
	 * exception: a "<" that opens no tag, and what follows it, is escaped (wp_pre_kses_less_than() in
	 * wp-includes/formatting.php).
	 *
	 * @param mixed $text The text.
	 * @return string
	 */
	public static function from_sanitized( $text ) {
		$text  = self::valid( $text );
		$start = strpos( $text, '&lt;' );
		if ( false !== $start ) {
			$text = substr( $text, 0, $start ) . htmlspecialchars_decode( substr( $text, $start ), ENT_QUOTES );
		}
		return self::clean( $text );
	}

	/**
	 * The same, as one line.
	 *
	 * @param mixed $text    The text.
	 * @param int   $longest The number of characters.
	 * @return string
	 */
	public static function sanitized_line( $text, $longest = 200 ) {
		return self::one_line( self::from_sanitized( $text ), $longest );
	}

	/**
	 * A text that was escaped for HTML in addition.
	 *
	 * @param mixed  $text   The text.
	 * @param string $format One of the constants above: what it was before.
	 * @return string
	 */
	public static function from_escaped( $text, $format = self::SANITIZED ) {
		return self::of( htmlspecialchars_decode( self::valid( $text ), ENT_QUOTES ), $format );
	}

	/**
	 * A title, a name or a label as one line. Themes and plugins print them as HTML, but people write them as text:
	 * "Cable 3<5V>1" and "Adapter <USB-C>" are no markup. Only a pair of tags of a known element and a line break are
	 * removed.
	 *
	 * @param mixed $text    The text.
	 * @param int   $longest The number of characters.
	 * @return string
	 */
	public static function from_title( $text, $longest = 200 ) {
		$text = self::valid( $text );
		if ( false !== strpos( $text, '<' ) ) {
			$text = self::replace( '~<!--.*?-->|<br\s*/?>~is', ' ', $text );
			for ( $i = 0; $i < self::DEEPEST; $i++ ) {
				$text = self::replace( '~<(' . self::INLINE . ')(?:\s[^<>]*+)?>((?:(?!<\1[\s>]).)*?)</\1\s*>~is', '$2', $text );
			}
		}
		return self::one_line( self::clean( self::decode( $text ) ), $longest );
	}

	/**
	 * The text of HTML: without tags, with line breaks where a browser shows them, and with the address of a link that
	 * is not its own text.
	 *
	 * @param mixed $html The HTML.
	 * @return string
	 */
	public static function from_html( $html ) {
		$html = self::valid( $html );
		if ( false !== strpos( $html, '<' ) ) {
			$html = self::replace( self::HIDDEN, '', $html );
			$done = preg_replace_callback( self::LINK, array( __CLASS__, 'link' ), $html );
			$html = is_string( $done ) ? $done : $html;
			$html = self::replace( '~[ \t]*<br\b[^>]*+>\n?~i', "\n", $html );
			$html = self::replace( '~\s*</p\s*>\s*~i', "\n\n", $html );
			$html = self::replace( '~\s*<p\b[^>]*+>\s*~i', "\n\n", $html );
			$html = self::replace( '~\s*<li\b[^>]*+>\s*~i', "\n- ", $html );
			$html = self::replace( '~[ \t]*\n?[ \t]*</?(?:' . self::BLOCKS . ')\b[^>]*+>[ \t]*\n?~i', "\n", $html );
			$html = self::replace( '~</t[dh]\s*>\s*~i', ' ', $html );
			$html = self::replace( self::TAG, '', $html );
			$html = self::replace( "~\n{3,}~", "\n\n", $html );
		}
		return trim( self::clean( self::decode( $html ) ), " \t\n" );
	}

	/**
	 * Decodes entities once. References that only old editors wrote, such as &#150;, mean what browsers show for them.
	 *
	 * @param string $text The text.
	 * @return string
	 */
	private static function decode( $text ) {
		return false === strpos( $text, '&' ) ? $text : html_entity_decode( convert_invalid_entities( $text ), ENT_QUOTES | ENT_HTML5, 'UTF-8' );
	}

	/**
	 * A link as text: its own text, and its address if the text is another one.
	 *
	 * @param string[] $found The match: its address in double or single quotes, its content.
	 * @return string Still HTML.
	 */
	private static function link( array $found ) {
		$address = trim( '' === $found[1] ? $found[2] : $found[1] );
		$content = $found[3];
		$shown   = trim( self::decode( self::replace( self::TAG, '', $content ) ) );
		$plain   = self::decode( $address );
		$same    = in_array( $plain, array( $shown, 'mailto:' . $shown, 'http://' . $shown, 'https://' . $shown, $shown . '/' ), true );
		if ( $same || 1 !== preg_match( '~^(?:https?|ftp|mailto|tel):~i', $plain ) ) {
			return $content;
		}
		return '' === $shown ? $address : $content . ' (' . $address . ')';
	}

	/**
	 * Replaces a pattern. A text that is too large for the pattern stays as it is.
	 *
	 * @param string $pattern The pattern.
	 * @param string $with    The replacement.
	 * @param string $text    The text.
	 * @return string
	 */
	private static function replace( $pattern, $with, $text ) {
		$done = preg_replace( $pattern, $with, $text );
		return is_string( $done ) ? $done : $text;
	}

	/**
	 * A text as one line.
	 *
	 * @param string $text    The text.
	 * @param int    $longest The number of characters.
	 * @return string
	 */
	private static function one_line( $text, $longest ) {
		return Text::cut( trim( (string) preg_replace( '/[\n\t ]+/', ' ', $text ) ), $longest );
	}

	/**
	 * The text with invalid UTF-8 replaced, which would otherwise lose the whole event.
	 *
	 * @param mixed $text The text.
	 * @return string
	 */
	private static function valid( $text ) {
		$text = is_scalar( $text ) ? (string) $text : '';
		if ( 1 === preg_match( '//u', $text ) ) {
			return $text;
		}
		return function_exists( 'mb_scrub' ) ? (string) mb_scrub( $text, 'UTF-8' ) : wp_check_invalid_utf8( $text, true );
	}
}
