<?php
/**
 * What the admin has chosen to send.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Listening\Form_Sources;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * One option holds all choices. What it does not mention has the default that the checkboxes of a new site show: sent,
 * except for the constants below. Field types for passwords and payment cards cannot be chosen; see Field_Types.
 */
final class Event_Choices {

	const OPTION = 'relay_connector_events';
	const GROUPS = array( 'sources', 'fields', 'plugins', 'forms' );

	/**
	 * Sources that are not sent until an admin selects them.
	 */
	const SOURCES_OFF = array( 'order_changes', 'products', 'stock', 'customers', 'coupons', 'subscriptions', 'posts' );

	/**
	 * Fields that are not sent until an admin selects them: personal data that few shops need elsewhere.
	 */
	const FIELDS_OFF = array( 'orders.transaction', 'orders.attribution', 'orders.checkout_fields', 'customers.phone', 'customers.addresses' );

	/**
	 * Registers the option.
	 */
	public function add_hooks() {
		add_action( 'admin_init', array( $this, 'register' ) );
	}

	/**
	 * Registers the option.
	 */
	public function register() {
		register_setting(
			Settings::GROUP,
			self::OPTION,
			array(
				'type'              => 'array',
				'sanitize_callback' => array( $this, 'sanitize' ),
				'show_in_rest'      => false,
			)
		);
	}

	/**
	 * Creates the options, so that they are autoloaded and cost no query in a hook. A site that was connected when the
	 * plugin only knew comments continues to send only comments until its admin saves the new settings.
	 *
	 * @param bool $was_connected Whether an older version was connected.
	 */
	public static function initialize( $was_connected ) {
		$only_comments = array(
			'sources' => array(
				'orders' => 0,
				'leads'  => 0,
				'users'  => 0,
				'custom' => 0,
			),
		);
		add_option( self::OPTION, $was_connected ? $only_comments : array() );
		add_option( Form_Sources::OPTION, array() );
		add_option( Sensitive_Fields::OPTION, '' );
	}

	/**
	 * Whether a source is switched on.
	 *
	 * @param string $source Its short name.
	 * @return bool
	 */
	public function is_enabled( $source ) {
		return (bool) $this->get( 'sources', $source, ! in_array( $source, self::SOURCES_OFF, true ) );
	}

	/**
	 * Whether a field of a source is sent.
	 *
	 * @param string $source The source's short name.
	 * @param string $field  The field's short name.
	 * @return bool
	 */
	public function sends_field( $source, $field ) {
		return (bool) $this->get( 'fields', $source . '.' . $field, ! in_array( $source . '.' . $field, self::FIELDS_OFF, true ) );
	}

	/**
	 * Stores that a field of a source is not sent.
	 *
	 * @param string $source The source's short name.
	 * @param string $field  The field's short name.
	 */
	public function exclude_field( $source, $field ) {
		$all                                       = $this->all();
		$all['fields'][ $source . '.' . $field ] = 0;
		update_option( self::OPTION, $all );
	}

	/**
	 * Whether entries of a form plugin are sent at all.
	 *
	 * @param string $plugin   The form plugin's short name.
	 * @param bool   $fallback The default.
	 * @return bool
	 */
	public function sends_plugin( $plugin, $fallback ) {
		return (bool) $this->get( 'plugins', $plugin, $fallback );
	}

	/**
	 * Whether entries of a form are sent.
	 *
	 * @param string $form The form plugin's short name, a colon, the form's id.
	 * @return bool
	 */
	public function sends_form( $form ) {
		return (bool) $this->get( 'forms', $form, $this->sends_new_forms() );
	}

	/**
	 * Stores that entries of a form are sent.
	 *
	 * @param string $form The form, as in sends_form().
	 */
	public function include_form( $form ) {
		$all                   = $this->all();
		$all['forms'][ $form ] = 1;
		update_option( self::OPTION, $all );
	}

	/**
	 * Whether entries of forms without a choice of their own are sent.
	 *
	 * @return bool
	 */
	public function sends_new_forms() {
		$all = $this->all();
		return ! isset( $all['new_forms'] ) || $all['new_forms'];
	}

	/**
	 * Whether a field of a form is sent.
	 *
	 * @param string $form The form, as in sends_form().
	 * @param string $key  The field's id in its form.
	 * @return bool
	 */
	public function sends_form_field( $form, $key ) {
		return ! in_array( (string) $key, $this->excluded_fields( $form ), true );
	}

	/**
	 * Whether a field of a form is sent, with regard to its name: see Sensitive_Fields.
	 *
	 * @param string     $form  The form, as in sends_form().
	 * @param Form_Field $field The field.
	 * @return bool
	 */
	public function sends( $form, Form_Field $field ) {
		if ( Sensitive_Fields::is_sensitive( $field ) && ! in_array( $field->key, array_map( 'strval', (array) $this->get( 'confirmed', $form, array() ) ), true ) ) {
			return false;
		}
		return $this->sends_form_field( $form, $field->key );
	}

	/**
	 * Stores which fields of a form are sent although their names ask for a secret.
	 *
	 * @param string   $form The form, as in sends_form().
	 * @param string[] $keys Their ids.
	 */
	public function confirm_fields( $form, array $keys ) {
		$all = $this->all();
		unset( $all['confirmed'][ $form ] );
		if ( $keys ) {
			$all['confirmed'][ $form ] = array_values( $keys );
		}
		update_option( self::OPTION, $all );
		Sensitive_Fields::forget( $form );
	}

	/**
	 * The fields of a form that are not sent.
	 *
	 * @param string $form The form, as in sends_form().
	 * @return string[] Their ids.
	 */
	public function excluded_fields( $form ) {
		return array_map( 'strval', (array) $this->get( 'left_out', $form, array() ) );
	}

	/**
	 * Stores which fields of a form are not sent.
	 *
	 * @param string   $form The form, as in sends_form().
	 * @param string[] $keys Their ids.
	 */
	public function exclude_fields( $form, array $keys ) {
		$all                      = $this->all();
		$all['left_out'][ $form ] = array_values( $keys );
		update_option( self::OPTION, $all );
	}

	/**
	 * Merges the checkboxes of the settings page into the stored choices; "submitted" names all of them. Sources and forms of inactive plugins are
	 * not on the page and keep their choices.
	 *
	 * @param mixed $value The submitted value, or what an earlier call returned: WordPress sanitizes a new option twice.
	 * @return array
	 */
	public function sanitize( $value ) {
		$all = $this->all();
		if ( ! is_array( $value ) ) {
			return $all;
		}
		if ( ! isset( $value['submitted'] ) ) {
			return $value;
		}
		foreach ( explode( "\n", (string) $value['submitted'] ) as $shown ) {
			list( $group, $name ) = array_pad( explode( '=', trim( $shown ), 2 ), 2, '' );
			if ( in_array( $group, self::GROUPS, true ) ) {
				$all[ $group ][ sanitize_text_field( $name ) ] = empty( $value[ $group ][ $name ] ) ? 0 : 1;
			} elseif ( '' === $group && 'new_forms' === $name ) {
				$all['new_forms'] = empty( $value['new_forms'] ) ? 0 : 1;
			}
		}
		return $all;
	}

	/**
	 * One choice.
	 *
	 * @param string $group    The group.
	 * @param string $name     The name in the group.
	 * @param mixed  $fallback The default.
	 * @return mixed
	 */
	private function get( $group, $name, $fallback ) {
		$all = $this->all();
		return isset( $all[ $group ][ $name ] ) ? $all[ $group ][ $name ] : $fallback;
	}

	/**
	 * All choices.
	 *
	 * @return array
	 */
	private function all() {
		$all = get_option( self::OPTION, array() );
		return is_array( $all ) ? $all : array();
	}
}
