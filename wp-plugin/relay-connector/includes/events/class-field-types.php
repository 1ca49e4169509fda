<?php
/**
 * The types of form fields.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Classifies a field by the type that its form plugin gives it, never by its label or value. The gateway reads the kinds
 * below, so that no one has to guess which field is the phone number.
 */
final class Field_Types {

	const EMAIL      = 'email';
	const TEL        = 'tel';
	const NAME       = 'name';
	const FIRST_NAME = 'first_name';
	const LAST_NAME  = 'last_name';
	const COMPANY    = 'company';
	const TEXT       = 'text';
	const TEXTAREA   = 'textarea';
	const CHOICE     = 'choice';
	const CHOICES    = 'choices';
	const NUMBER     = 'number';
	const DATE       = 'date';
	const CONSENT    = 'consent';
	const URL        = 'url';
	const FILE       = 'file';

	/**
	 * Passwords, payment cards, bank accounts and signatures. Matches parts of a type, because add-ons define types such as
	 * stripe-credit-card or passwordconfirm.
	 */
	const SECRETS = '/pass(word|code)|credit|debit|card|cvc|cvv|iban|bank|authorize_net|stripe|square|braintree|paypal|payment_method|signature|captcha|turnstile/';

	/**
	 * Names of metadata with passwords, payment cards or bank accounts. Metadata has no type, and "card" can be a greeting card.
	 */
	const SECRET_NAMES = '/pass(word|code|wd)|(credit|debit|payment)[-_ ]*card|cvc|cvv|(card|account)[-_ ]*(number|no|holder|expiry)(?![a-z])|(?<![a-z])iban(?![a-z])/i';

	/**
	 * Files, which the form plugin stores. Only their addresses are sent.
	 */
	const FILES = '/file|upload|input_image|post_image|featured_image|camera|video/';

	/**
	 * Parts of the page that are not input.
	 */
	const NO_INPUT = array( 'submit', 'button', 'html', 'custom_html', 'shortcode', 'section', 'section_break', 'divider', 'end_divider', 'break', 'page', 'pagebreak', 'form_step', 'step', 'hr', 'spam', 'honeypot', 'quiz', 'internal-information', 'entry-preview', 'content', 'layout', 'save', 'note', 'action_hook', 'custom_submit_button', 'recaptcha_v3', 'summary', 'form', 'count', 'response', 'reflection', 'output', 'confirm' );

	/**
	 * Types of consent checkboxes.
	 */
	const CONSENTS = array( 'acceptance', 'gdpr-checkbox', 'consent', 'gdpr_agreement', 'terms_and_condition', 'gdpr' );

	/**
	 * The kinds of all other types; the first pattern that matches counts. What none matches is text.
	 */
	const KINDS = array(
		self::FIRST_NAME => '/^(input_)?first_?name$/',
		self::LAST_NAME  => '/^(input_)?last_?name$/',
		self::NAME       => '/^(input_)?names?$/',
		self::EMAIL      => '/e-?mail/',
		self::TEL        => '/^(input_)?(tel|mobile)$|phone/',
		self::TEXTAREA   => '/textarea|rich_?text|^rte$|^wysiwyg$|^post_(content|excerpt)$/',
		self::CHOICES    => '/check_?box|multi_?select|multi_?choice|^image_choices?$/',
		self::CHOICE     => '/select|radio|dropdown|^list(image|country|state)$|^country|^toggle$|^(payment-)?multiple$/',
		self::NUMBER     => '/^(input_)?number|^range|slider$|quantity|^(star|stars|starrating|rating|ratings|scale|nps)$|net_promoter_score/',
		self::DATE       => '/^(input_)?date([-_]?time)?$/',
		self::URL        => '/^(input_)?(url|website)$/',
	);

	/**
	 * What a text field is, by the id that it has in its form. Themes and the form plugins' own templates use these ids,
	 * perhaps with a number ("tel-123").
	 */
	const KNOWN_IDS = array(
		self::NAME       => array( 'name', 'your-name', 'full-name', 'fullname' ),
		self::FIRST_NAME => array( 'first-name', 'firstname', 'fname', 'your-first-name', 'given-name' ),
		self::LAST_NAME  => array( 'last-name', 'lastname', 'lname', 'your-last-name', 'family-name', 'surname' ),
		self::COMPANY    => array( 'company', 'your-company', 'company-name', 'organization', 'organisation' ),
		self::EMAIL      => array( 'email', 'e-mail', 'your-email', 'email-address' ),
		self::TEL        => array( 'tel', 'your-tel', 'phone', 'your-phone', 'phone-number', 'telephone', 'mobile' ),
	);

	/**
	 * What a field is, by the autofill token that its author gave it
	 * (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill-field).
	 */
	const AUTOCOMPLETE = array(
		'name'         => self::NAME,
		'given-name'   => self::FIRST_NAME,
		'family-name'  => self::LAST_NAME,
		'organization' => self::COMPANY,
		'email'        => self::EMAIL,
		'tel'          => self::TEL,
		'tel-national' => self::TEL,
		'url'          => self::URL,
	);

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
		return 1 === preg_match( self::SECRETS, self::normalize( $type ) );
	}

	/**
	 * Whether metadata of this name is never sent.
	 *
	 * @param string $name The name.
	 * @return bool
	 */
	public static function is_secret_name( $name ) {
		return 1 === preg_match( self::SECRET_NAMES, (string) $name );
	}

	/**
	 * Whether fields of this type hold files.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_file( $type ) {
		return ! self::is_secret( $type ) && 1 === preg_match( self::FILES, self::normalize( $type ) );
	}

	/**
	 * Whether fields of this type ask for consent.
	 *
	 * @param string $type The type.
	 * @return bool
	 */
	public static function is_consent( $type ) {
		return in_array( self::normalize( $type ), self::CONSENTS, true );
	}

	/**
	 * The kind of a field, as the gateway knows it.
	 *
	 * @param string $type The type that the form plugin gives it.
	 * @param string $id   The id that the field has in its form, if people choose such ids.
	 * @return string One of the kinds above.
	 */
	public static function kind( $type, $id = '' ) {
		if ( self::is_consent( $type ) ) {
			return self::CONSENT;
		}
		if ( self::is_file( $type ) ) {
			return self::FILE;
		}
		foreach ( self::KINDS as $kind => $pattern ) {
			if ( 1 === preg_match( $pattern, self::normalize( $type ) ) ) {
				return $kind;
			}
		}
		$id = (string) preg_replace( '/-[0-9]+$/', '', strtr( strtolower( $id ), '_', '-' ) );
		foreach ( self::KNOWN_IDS as $kind => $ids ) {
			if ( in_array( $id, $ids, true ) ) {
				return $kind;
			}
		}
		return self::TEXT;
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
