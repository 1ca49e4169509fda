<?php
/**
 * The types of form fields.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Classifies a field by the type that its form plugin gives it, never by its label or value.
 */
final class Field_Types {

	/**
	 * Passwords, payment cards, bank accounts, files and signatures. Matches parts of a type, because add-ons define
	 * types such as stripe-credit-card, passwordconfirm or file-upload.
	 */
	const SECRET = '/pass(word|code)|credit|debit|card|cvc|cvv|iban|bank|authorize_net|stripe|square|braintree|paypal|payment_method|file|upload|input_image|post_image|featured_image|video|signature|captcha|turnstile/';

	/**
	 * Parts of the page that are not input.
	 */
	const NO_INPUT = array( 'submit', 'button', 'html', 'custom_html', 'shortcode', 'section', 'section_break', 'divider', 'end_divider', 'break', 'page', 'pagebreak', 'form_step', 'step', 'hr', 'spam', 'honeypot', 'quiz', 'internal-information', 'entry-preview', 'content', 'layout', 'save', 'note', 'action_hook', 'custom_submit_button', 'recaptcha_v3', 'summary', 'form', 'count', 'response' );

	/**
	 * Types of consent checkboxes.
	 */
	const CONSENT = array( 'acceptance', 'gdpr-checkbox', 'consent', 'gdpr_agreement', 'terms_and_condition', 'gdpr' );

	/**
	 * Whether fields of this type can be sent.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_sendable( $type ) {
		return ! self::is_secret( $type ) && ! in_array( self::normalize( $type ), self::NO_INPUT, true ) && '' !== self::normalize( $type );
	}

	/**
	 * Whether fields of this type are never sent.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_secret( $type ) {
		return 1 === preg_match( self::SECRET, self::normalize( $type ) );
	}

	/**
	 * Whether fields of this type ask for consent.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_consent( $type ) {
		return in_array( self::normalize( $type ), self::CONSENT, true );
	}

	/**
	 * The type in lower case, without the asterisk of required fields.
	 *
	 * @param string $type The type.
	 * @return string
	 */
	private static function normalize( $type ) {
		return strtolower( rtrim( (string) $type, '*' ) );
	}
}
