<?php
/**
 * What the types of form fields mean.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Judges a field by the type that its form plugin gives it, never by what is in it or what it is called.
 */
final class Field_Types {

	/**
	 * Passwords, payment cards and bank accounts, files and drawings. Part of a type is enough: add-ons make types such
	 * as stripe-credit-card, passwordconfirm or file-upload.
	 */
	const SECRET = '/pass(word|code)|credit|debit|card|cvc|cvv|iban|bank|authorize_net|stripe|square|braintree|paypal|payment_method|file|upload|input_image|post_image|featured_image|video|signature|captcha|turnstile/';

	/**
	 * What belongs to the page and not to the entry.
	 */
	const NO_INPUT = array( 'submit', 'button', 'html', 'custom_html', 'shortcode', 'section', 'section_break', 'divider', 'end_divider', 'break', 'page', 'pagebreak', 'form_step', 'step', 'hr', 'spam', 'honeypot', 'quiz', 'internal-information', 'entry-preview', 'content', 'layout', 'save', 'note', 'action_hook', 'custom_submit_button', 'recaptcha_v3', 'summary', 'form', 'count', 'response' );

	/**
	 * Boxes by which people agree to something.
	 */
	const CONSENT = array( 'acceptance', 'gdpr-checkbox', 'consent', 'gdpr_agreement', 'terms_and_condition', 'gdpr' );

	/**
	 * Whether a field of this type can be sent.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_sendable( $type ) {
		return ! self::is_secret( $type ) && ! in_array( self::normalize( $type ), self::NO_INPUT, true ) && '' !== self::normalize( $type );
	}

	/**
	 * Whether a field of this type holds what must not leave the site.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_secret( $type ) {
		return 1 === preg_match( self::SECRET, self::normalize( $type ) );
	}

	/**
	 * Whether people agree to something with a field of this type.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_consent( $type ) {
		return in_array( self::normalize( $type ), self::CONSENT, true );
	}

	/**
	 * A type without capitals and without the asterisk of required fields.
	 *
	 * @param string $type The type.
	 * @return string
	 */
	private static function normalize( $type ) {
		return strtolower( rtrim( (string) $type, '*' ) );
	}
}
